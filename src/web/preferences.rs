//! Preferences: what a subscriber gets, and how they change it.
//!
//! A forwarded mail carries its first reader's link. To change anything, or to see all that is held, the page asks
//! for the address of whom the link is; to leave, it does not.

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::NaiveTime;

use crate::config::{List, When};
use crate::ledger::choosing::{Chosen, Preferences};
use crate::render::page::person::{self, Choice, Wishes};
use crate::render::words::Words;
use crate::subscriber::{Address, Claim, Purpose};
use crate::web::confirm::{failed, noticed};
use crate::web::form::{Act, Form};
use crate::web::live::Live;

// What came of a form.
#[derive(Clone, Copy)]
enum Said {
    Saved,
    NotUnderstood,
    NotTheirs,
    NoDay,
    NoLanguage,
}

/// `GET /preferences/<token>`.
pub async fn show(State(live): State<Live>, Path(token): Path<String>) -> Response {
    let Some(claim) = live.claim(&token, Purpose::Preferences) else { return dead(&live) };
    page(&live, &claim, None).await
}

/// `POST /preferences/<token>`: with `do=save`, `do=show` or `do=erase`.
pub async fn act(State(live): State<Live>, Path(token): Path<String>, body: Bytes) -> Response {
    let Some(claim) = live.claim(&token, Purpose::Preferences) else { return dead(&live) };
    let Some(form) = Form::read(&body) else {
        return page(&live, &claim, Some((Said::NotUnderstood, None))).await;
    };
    let Some(address) = owner(&live, &claim, &form.address).await else {
        return page(&live, &claim, Some((Said::NotTheirs, Some(&form)))).await;
    };
    match form.act {
        Act::Save => save(&live, &claim, &token, &form).await,
        Act::Show => held(&live, &claim, &address).await,
        Act::Erase => erase(&live, &claim).await,
    }
}

// The address when it is that of whom the link is.
async fn owner(live: &Live, claim: &Claim, typed: &str) -> Option<Address> {
    let address = Address::parse(typed)?;
    let lookup = live.key.as_ref()?.lookup(&address);
    let is_of = live.ledger.is_of(claim.subscriber, &lookup).await;
    is_of.unwrap_or(false).then_some(address)
}

async fn erase(live: &Live, claim: &Claim) -> Response {
    // Before it is erased, too.
    let lang = live.lang_of(claim.subscriber).await;
    match live.ledger.erase(claim.subscriber).await {
        Ok(_) => {
            noticed().await;
            live.answer(StatusCode::OK, &lang, person::erased)
        }
        Err(err) => failed(&err, "Somebody could not be erased."),
    }
}

async fn save(live: &Live, claim: &Claim, token: &str, form: &Form) -> Response {
    if !form.is_language() {
        return page(live, claim, Some((Said::NoLanguage, Some(form)))).await;
    }
    let Ok(day) = form.day() else {
        return page(live, claim, Some((Said::NoDay, Some(form)))).await;
    };
    let paused_until = day.map(|day| live.config.site.zone.to_instant(day.and_time(NaiveTime::MIN)).0);
    let lists = live.config.lists.iter().filter(|list| form.lists.contains(&list.name));
    let preferences = Preferences {
        lists: lists
            .map(|list| {
                let digest = match list.when {
                    When::AtOnce => list.digest.clone().filter(|_| form.digests.contains(&list.name)),
                    When::Cut(_) => None,
                };
                Chosen { list: list.name.clone(), digest }
            })
            .collect(),
        lang: form.lang.clone(),
        paused_until: paused_until.filter(|until| *until > live.clock.now()),
        reminders: form.reminders,
    };
    // It may be an oversight, and nothing brings back who has left.
    if preferences.lists.is_empty() {
        return ask_to_leave(live, claim, token).await;
    }
    let done = live.ledger.set_preferences(claim.subscriber, &preferences, live.clock.now()).await;
    noticed().await;
    match done {
        Ok(true) => page(live, claim, Some((Said::Saved, None))).await,
        Ok(false) => dead(live),
        Err(err) => failed(&err, "Somebody could not choose."),
    }
}

async fn ask_to_leave(live: &Live, claim: &Claim, token: &str) -> Response {
    let lang = live.lang_of(claim.subscriber).await;
    let (leave, back) = (live.leave_path(claim, ""), format!("preferences/{token}"));
    live.answer(StatusCode::OK, &lang, |frame| person::no_list(frame, &leave, &back))
}

async fn held(live: &Live, claim: &Claim, address: &Address) -> Response {
    let held = match live.ledger.held_about(claim.subscriber).await {
        Ok(Some(held)) => held,
        Ok(None) => return dead(live),
        Err(err) => return failed(&err, "Somebody could not see what is held about them."),
    };
    let text =
        serde_json::to_string_pretty(&serde_json::json!({ "address": address.as_str(), "held": held }));
    match text {
        Ok(text) => {
            let headers = [
                (header::CONTENT_TYPE, "application/json"),
                (header::CONTENT_DISPOSITION, "attachment; filename=\"held-about-you.json\""),
                (header::CACHE_CONTROL, "no-store"),
            ];
            (headers, text + "\n").into_response()
        }
        Err(err) => failed(&err.into(), "What is held could not be written."),
    }
}

// What came of a form, and the form when it is to be mended.
type Sent<'f> = Option<(Said, Option<&'f Form>)>;

async fn page(live: &Live, claim: &Claim, sent: Sent<'_>) -> Response {
    let preferences = match live.ledger.preferences(claim.subscriber).await {
        Ok(Some(preferences)) => preferences,
        Ok(None) => return dead(live),
        Err(err) => return failed(&err, "Somebody could not see their lists."),
    };
    let status = sent.map_or(StatusCode::OK, |(said, _)| said.status());
    let wishes = wishes(live, claim, &preferences, sent);
    live.answer(status, &preferences.lang, |frame| person::preferences(frame, Some(&wishes)))
}

// As they are held; in a form that was refused, as they were chosen in it.
fn wishes(live: &Live, claim: &Claim, held: &Preferences, sent: Sent<'_>) -> Wishes {
    let words = live.words(&held.lang);
    let lists = live.config.lists_in(words.lang());
    let form = sent.and_then(|(_, form)| form);
    let choice = |list: &List| {
        let chosen = held.lists.iter().find(|chosen| chosen.list == list.name);
        let is_digest = chosen.is_some_and(|chosen| chosen.digest.is_some());
        Choice {
            name: list.name.clone(),
            title: list.title.clone(),
            description: list.description.clone(),
            is_on: form.map_or(chosen.is_some(), |form| form.lists.contains(&list.name)),
            leave: chosen.map(|_| live.leave_path(claim, &list.name)),
            digest: person::digest_title(&lists, list).map(str::to_owned),
            is_digest: form.map_or(is_digest, |form| form.digests.contains(&list.name)),
        }
    };
    let zone = &live.config.site.zone;
    let day = held.paused_until.map(|until| zone.to_wall(until).format("%Y-%m-%d").to_string());
    Wishes {
        lists: lists.iter().map(choice).collect(),
        lang: form.map_or(&held.lang, |form| &form.lang).clone(),
        paused_until: form.map_or(day.unwrap_or_default(), |form| form.paused_until.clone()),
        reminders: form.map_or(held.reminders, |form| form.reminders),
        said: sent.map(|(said, _)| said.text(words)),
        is_refused: sent.is_some_and(|(said, _)| said.status() != StatusCode::OK),
    }
}

fn dead(live: &Live) -> Response {
    live.answer(StatusCode::NOT_FOUND, "", |frame| person::preferences(frame, None))
}

impl Said {
    fn status(self) -> StatusCode {
        match self {
            Self::Saved => StatusCode::OK,
            Self::NotTheirs => StatusCode::FORBIDDEN,
            Self::NotUnderstood | Self::NoDay | Self::NoLanguage => StatusCode::UNPROCESSABLE_ENTITY,
        }
    }

    fn text(self, words: &Words) -> String {
        match self {
            Self::Saved => words.say("saved"),
            Self::NotUnderstood => words.say("form-not-understood"),
            Self::NotTheirs => words.say("wrong-owner"),
            Self::NoDay => words.say("wrong-day"),
            Self::NoLanguage => words.say("wrong-chosen-language"),
        }
    }
}
