//! Shown: what of a notice may be seen at a moment.
//!
//! Pure. Every rendering begins here, so no renderer can show what is not yet or no longer to be seen.

use std::borrow::Cow;
use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::notice::{
    Access, Event, Kind, Lineage, Notice, NoticeId, Party, Provenance, Signing, Status, Withdrawal, markdown,
};
use crate::schedule::zone::Moment;

/// The notice without what is hidden at `now`: a place before its time, what has expired, the names of those who
/// have not confirmed, and of one that was taken back everything but its title, its time and why.
pub fn shown(notice: &Notice, now: DateTime<Utc>) -> Cow<'_, Notice> {
    shown_since(notice, now, now)
}

/// The same, with what is revealed at a time as it was at `seen_at`: what people had been told by then.
pub fn shown_since(notice: &Notice, seen_at: DateTime<Utc>, now: DateTime<Utc>) -> Cow<'_, Notice> {
    if let Some(withdrawal) = &notice.withdrawn {
        return Cow::Owned(taken_back(notice, withdrawal));
    }
    if !may_hide(&notice.kind) {
        return Cow::Borrowed(notice);
    }
    let mut visible = notice.clone();
    match &mut visible.kind {
        Kind::Action(event) => hide_in_event(event, seen_at, now),
        Kind::Statement(signing) => hide_in_statement(signing, now),
        Kind::Archive(_) => {}
    }
    Cow::Owned(visible)
}

// Its time stays: who has it in a calendar sees that it is off.
fn taken_back(notice: &Notice, withdrawal: &Withdrawal) -> Notice {
    let kind = match &notice.kind {
        Kind::Archive(_) => Kind::Archive(Provenance::default()),
        Kind::Statement(_) => Kind::Statement(Signing::default()),
        Kind::Action(event) => Kind::Action(Box::new(Event {
            status: Status::Cancelled,
            status_note: None,
            assemble_at: None,
            place: None,
            has_place_to_come: false,
            access: Access::default(),
            legal: None,
            press: None,
            hosts: Vec::new(),
            cosponsors: Vec::new(),
            demands: Vec::new(),
            ..(**event).clone()
        })),
    };
    Notice {
        summary: None,
        image: None,
        more: Vec::new(),
        campaign: None,
        next: Vec::new(),
        supersedes: None,
        changed: None,
        body: withdrawal.body.clone(),
        kind,
        ..notice.clone()
    }
}

/// When something of the notice that was hidden is first shown: its place.
pub fn revealed_at(notice: &Notice) -> Option<DateTime<Utc>> {
    let place = notice.event()?.place.as_ref()?;
    place.shown_from.as_ref().map(|moment| moment.at)
}

/// The ids of the notices that this one leads to.
pub fn leads_to(notice: &Notice) -> impl Iterator<Item = &str> {
    let is_here = notice.withdrawn.is_none();
    let (lineage, translations) = match &notice.kind {
        Kind::Archive(provenance) => (&provenance.lineage[..], &[][..]),
        Kind::Statement(signing) => (&[][..], &signing.translations[..]),
        Kind::Action(_) => (&[][..], &[][..]),
    };
    let named = notice.next.iter().chain(&notice.supersedes).map(NoticeId::as_str);
    named
        .chain(lineage.iter().filter_map(Lineage::notice))
        .chain(translations.iter().map(|translation| translation.notice.as_str()))
        .chain(notice.body.notices.iter().map(|linked| linked.value.as_str()))
        .filter(move |_| is_here)
}

/// The notice while some of those that it leads to must not be known: without what names them, and with the words
/// alone of the links in its text. `hidden` are the pages of those, by id.
pub fn without_links(notice: &Notice, hidden: &BTreeMap<String, String>) -> Notice {
    let pages: Vec<String> = hidden.values().cloned().collect();
    let mut visible = notice.clone();
    visible.body = markdown::without_links(&notice.body, &pages);
    visible.body.notices.retain(|linked| !hidden.contains_key(&linked.value));
    visible.next.retain(|id| !hidden.contains_key(id.as_str()));
    visible.supersedes.take_if(|id| hidden.contains_key(id.as_str()));
    match &mut visible.kind {
        Kind::Archive(provenance) => {
            provenance.lineage.retain(|lineage| lineage.notice().is_none_or(|id| !hidden.contains_key(id)))
        }
        Kind::Statement(signing) => {
            signing.translations.retain(|translation| !hidden.contains_key(translation.notice.as_str()));
        }
        Kind::Action(_) => {}
    }
    visible
}

/// The first moment after `after` at which `shown` answers something else.
pub fn next_change(notice: &Notice, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
    if notice.withdrawn.is_some() {
        return None;
    }
    let changes = match &notice.kind {
        Kind::Action(event) => changes(event).to_vec(),
        Kind::Statement(signing) => vec![closes(signing)],
        Kind::Archive(_) => return None,
    };
    changes.into_iter().flatten().map(|moment| moment.at).filter(|at| *at > after).min()
}

// Most notices hide nothing ever, and a copy of each of ten thousand would be felt.
fn may_hide(kind: &Kind) -> bool {
    match kind {
        Kind::Action(event) => {
            changes(event).iter().any(Option::is_some) || !event.cosponsors.iter().all(Party::is_shown)
        }
        Kind::Statement(signing) => {
            closes(signing).is_some() || !signing.signatories.iter().all(Party::is_shown)
        }
        Kind::Archive(_) => false,
    }
}

fn hide_in_statement(signing: &mut Signing, now: DateTime<Utc>) {
    signing.signatories.retain(Party::is_shown);
    // Nobody is invited to what is over.
    signing.invitation.take_if(|invitation| past(&invitation.until, now));
}

fn closes(signing: &Signing) -> Option<&Moment> {
    signing.invitation.as_ref()?.until.as_ref()
}

fn hide_in_event(event: &mut Event, seen_at: DateTime<Utc>, now: DateTime<Utc>) {
    if let Some(place) = &mut event.place {
        if past(&place.meeting_point_expires, now) {
            place.meeting_point = None;
        }
        if ahead(&place.shown_from, seen_at) {
            event.place = None;
            event.has_place_to_come = true;
        }
    }
    event.legal.take_if(|legal| past(&legal.expires, now));
    event.press.take_if(|press| past(&press.expires, now) || ahead(&press.embargo_until, now));
    event.cosponsors.retain(Party::is_shown);
}

fn changes(event: &Event) -> [Option<&Moment>; 5] {
    let place = event.place.as_ref();
    let press = event.press.as_ref();
    [
        place.and_then(|place| place.shown_from.as_ref()),
        place.and_then(|place| place.meeting_point_expires.as_ref()),
        event.legal.as_ref().and_then(|legal| legal.expires.as_ref()),
        press.and_then(|press| press.embargo_until.as_ref()),
        press.and_then(|press| press.expires.as_ref()),
    ]
}

fn past(moment: &Option<Moment>, now: DateTime<Utc>) -> bool {
    moment.as_ref().is_some_and(|moment| moment.at <= now)
}

fn ahead(moment: &Option<Moment>, now: DateTime<Utc>) -> bool {
    moment.as_ref().is_some_and(|moment| moment.at > now)
}
