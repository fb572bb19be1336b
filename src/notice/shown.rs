//! Shown: what of a notice may be seen at a moment.
//!
//! Pure. Every rendering begins here, so no renderer can show what is not yet or no longer to be seen.

use std::borrow::Cow;
use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::notice::date::{Date, DateKey};
use crate::notice::{
    Access, Event, Kind, Lineage, Notice, NoticeId, Party, Place, Provenance, Signing, Status, Withdrawal,
    markdown,
};
use crate::schedule::zone::Moment;

/// The notice without what is hidden at `now`: a place before its time, what has expired, the names of those who
/// have not confirmed, and of one that was taken back everything but its title, its time and why. Of an action with
/// several dates, when and where are those of the date at hand.
pub fn shown(notice: &Notice, now: DateTime<Utc>) -> Cow<'_, Notice> {
    shown_for(notice, None, now)
}

/// The same, with when and where of that date, if the action has it.
pub fn shown_for<'n>(notice: &'n Notice, key: Option<&DateKey>, now: DateTime<Utc>) -> Cow<'n, Notice> {
    let mut visible = shown_since(notice, now, now);
    let at_date = visible.event().and_then(|event| {
        let date = key.and_then(|key| event.date(key)).or_else(|| event.date_at_hand(now))?;
        Some(event.at_date(date))
    });
    if let Some(event) = at_date {
        visible.to_mut().kind = Kind::Action(Box::new(event));
    }
    visible
}

/// The notice without what is hidden, whatever date is at hand, with what is revealed at a time as it was at `seen_at`:
/// what people had been told by then.
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
            dates: event.dates.iter().map(date_taken_back).collect(),
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

fn date_taken_back(date: &Date) -> Date {
    Date {
        status: Status::Cancelled,
        assemble_at: None,
        note: None,
        place: None,
        has_place_to_come: false,
        is_elsewhere: false,
        ..date.clone()
    }
}

/// The end of the last embargo on the notice: on all of it, unless it is published, or on what it says to the press.
/// None when none is still to end, or when it was taken back.
pub fn embargo(notice: &Notice, is_published: bool, now: DateTime<Utc>) -> Option<&Moment> {
    let of_all = notice.publish_at.as_ref().filter(|_| !is_published);
    let of_press = notice.event().and_then(|event| event.press.as_ref()?.embargo_until.as_ref());
    let ahead = of_all.into_iter().chain(of_press).filter(|moment| moment.at > now);
    ahead.max_by_key(|moment| moment.at).filter(|_| notice.withdrawn.is_none())
}

/// The notice as the press sees it: what is said to it is under no embargo.
pub fn for_press(notice: &Notice) -> Notice {
    let mut visible = notice.clone();
    if let Kind::Action(event) = &mut visible.kind {
        event.press.iter_mut().for_each(|press| press.embargo_until = None);
    }
    visible
}

/// When something of the notice that was hidden is shown: its place, or that of one of its dates.
pub fn revealed_at(notice: &Notice) -> impl Iterator<Item = DateTime<Utc>> {
    let places = notice.event().into_iter().flat_map(places);
    places.filter_map(|place| place.shown_from.as_ref().map(|moment| moment.at))
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
    let is_here = notice.withdrawn.is_none();
    let next_date = notice.event().filter(|_| is_here).and_then(|event| event.next_date_at(after));
    next_disclosure(notice, after).into_iter().chain(next_date).min()
}

/// The first moment after `after` at which something is hidden or shown, whatever date is at hand.
pub fn next_disclosure(notice: &Notice, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
    if notice.withdrawn.is_some() {
        return None;
    }
    let changes = match &notice.kind {
        Kind::Action(event) => changes(event).collect(),
        Kind::Statement(signing) => Vec::from_iter(closes(signing)),
        Kind::Archive(_) => return None,
    };
    changes.into_iter().map(|moment| moment.at).filter(|at| *at > after).min()
}

// Most notices hide nothing ever, and a copy of each of ten thousand would be felt.
fn may_hide(kind: &Kind) -> bool {
    match kind {
        Kind::Action(event) => {
            changes(event).next().is_some() || !event.cosponsors.iter().all(Party::is_shown)
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
    event.has_place_to_come |= hide_place(&mut event.place, seen_at, now);
    for date in &mut event.dates {
        date.has_place_to_come |= hide_place(&mut date.place, seen_at, now);
    }
    event.legal.take_if(|legal| past(&legal.expires, now));
    event.press.take_if(|press| past(&press.expires, now) || ahead(&press.embargo_until, now));
    event.cosponsors.retain(Party::is_shown);
}

// Whether the place is one that is shown later.
fn hide_place(place: &mut Option<Place>, seen_at: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    if let Some(place) = place
        && past(&place.meeting_point_expires, now)
    {
        place.meeting_point = None;
    }
    place.take_if(|place| ahead(&place.shown_from, seen_at)).is_some()
}

fn places(event: &Event) -> impl Iterator<Item = &Place> {
    let own = event.dates.iter().filter(|date| date.is_elsewhere).filter_map(|date| date.place.as_ref());
    event.place.iter().chain(own)
}

fn changes(event: &Event) -> impl Iterator<Item = &Moment> {
    let press = event.press.as_ref();
    let of_places = places(event).flat_map(|place| [&place.shown_from, &place.meeting_point_expires]);
    of_places.filter_map(Option::as_ref).chain(
        [
            event.legal.as_ref().and_then(|legal| legal.expires.as_ref()),
            press.and_then(|press| press.embargo_until.as_ref()),
            press.and_then(|press| press.expires.as_ref()),
        ]
        .into_iter()
        .flatten(),
    )
}

fn past(moment: &Option<Moment>, now: DateTime<Utc>) -> bool {
    moment.as_ref().is_some_and(|moment| moment.at <= now)
}

fn ahead(moment: &Option<Moment>, now: DateTime<Utc>) -> bool {
    moment.as_ref().is_some_and(|moment| moment.at > now)
}
