//! Confirm: the links in mails at which one press says yes, stay or leave.
//!
//! A link scanner that opens every link changes nothing: GET shows a button, POST acts.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use tracing::error;

use crate::config::List;
use crate::ledger::forgetting::NOTICED_WITHIN;
use crate::render::page::person::{self, Press};
use crate::subscriber::{Purpose, SubscriberId};
use crate::web::live::Live;

/// `GET /confirm/<token>`: what waits for a yes, and the button.
pub async fn ask_to_confirm(State(live): State<Live>, Path(token): Path<String>) -> Response {
    let Some(claim) = live.claim(&token, Purpose::Confirm) else { return dead_confirm(&live, "") };
    match live.ledger.person(claim.subscriber).await {
        Ok(Some(person)) if !person.asked.is_empty() => show(&live, &person.lang, Press::Ask, &person.asked),
        Ok(Some(person)) if !person.lists.is_empty() => show(&live, &person.lang, Press::Done, &person.lists),
        Ok(Some(person)) => dead_confirm(&live, &person.lang),
        Ok(None) => dead_confirm(&live, ""),
        Err(err) => failed(&err, "A request could not be shown."),
    }
}

/// `POST /confirm/<token>`.
pub async fn confirm(State(live): State<Live>, Path(token): Path<String>) -> Response {
    let Some(claim) = live.claim(&token, Purpose::Confirm) else { return dead_confirm(&live, "") };
    let lang = live.lang_of(claim.subscriber).await;
    match press_confirm(&live, claim.subscriber).await {
        Ok(Some(lists)) => show(&live, &lang, Press::Done, &lists),
        Ok(None) => dead_confirm(&live, &lang),
        Err(err) => failed(&err, "Somebody could not confirm."),
    }
}

async fn press_confirm(live: &Live, subscriber: SubscriberId) -> anyhow::Result<Option<Vec<String>>> {
    if !live.ledger.confirm(subscriber, live.clock.now()).await? {
        return Ok(None);
    }
    live.wake.notify_one();
    Ok(Some(live.ledger.lists_of(subscriber).await?))
}

/// `GET /stay/<token>`.
pub async fn ask_to_stay(State(live): State<Live>, Path(token): Path<String>) -> Response {
    let Some(claim) = live.claim(&token, Purpose::Stay) else { return stayed(&live, "", Press::Dead) };
    stayed(&live, &live.lang_of(claim.subscriber).await, Press::Ask)
}

/// `POST /stay/<token>`.
pub async fn stay(State(live): State<Live>, Path(token): Path<String>) -> Response {
    let Some(claim) = live.claim(&token, Purpose::Stay) else { return stayed(&live, "", Press::Dead) };
    let lang = live.lang_of(claim.subscriber).await;
    match live.ledger.stay(claim.subscriber, live.clock.now()).await {
        Ok(true) => stayed(&live, &lang, Press::Done),
        Ok(false) => stayed(&live, &lang, Press::Dead),
        Err(err) => failed(&err, "Somebody could not stay."),
    }
}

/// `GET /leave/<token>`.
pub async fn ask_to_leave(State(live): State<Live>, Path(token): Path<String>) -> Response {
    let Some(claim) = live.claim(&token, Purpose::Leave) else { return left(&live, "", Press::Dead, "") };
    left(&live, &live.lang_of(claim.subscriber).await, Press::Ask, &claim.list)
}

/// `POST /leave/<token>`. RFC 8058 §3.1: the body is List-Unsubscribe=One-Click or a browser's empty form; either is
/// a wish to leave. Done already, it is done.
pub async fn leave(State(live): State<Live>, Path(token): Path<String>) -> Response {
    let Some(claim) = live.claim(&token, Purpose::Leave) else { return left(&live, "", Press::Dead, "") };
    // Before they leave: with the last list their language is forgotten, too.
    let lang = live.lang_of(claim.subscriber).await;
    let done = match claim.list.as_str() {
        "" => live.ledger.leave_all(claim.subscriber).await,
        list => live.ledger.leave(claim.subscriber, list).await,
    };
    match done {
        Ok(()) => {
            noticed().await;
            left(&live, &lang, Press::Done, &claim.list)
        }
        Err(err) => failed(&err, "Somebody could not leave."),
    }
}

/// Waits until every deliverer has noticed what was committed: who has the answer gets no mail any more that had not
/// entered SMTP.
pub async fn noticed() {
    tokio::time::sleep(NOTICED_WITHIN).await;
}

// An empty list is all of them.
fn left(live: &Live, lang: &str, press: Press, list: &str) -> Response {
    let title = live.config.list_in(list, live.words(lang).lang()).map_or(list.to_owned(), |list| list.title);
    let title = Some(title.as_str()).filter(|title| !title.is_empty());
    live.answer(status(press), lang, |frame| person::leave(frame, press, title))
}

fn stayed(live: &Live, lang: &str, press: Press) -> Response {
    live.answer(status(press), lang, |frame| person::stay(frame, press))
}

fn show(live: &Live, lang: &str, press: Press, names: &[String]) -> Response {
    let own = live.words(lang).lang();
    let lists: Vec<List> = names.iter().filter_map(|name| live.config.list_in(name, own)).collect();
    live.answer(status(press), lang, |frame| person::confirm(frame, press, &lists))
}

fn dead_confirm(live: &Live, lang: &str) -> Response {
    show(live, lang, Press::Dead, &[])
}

fn status(press: Press) -> StatusCode {
    match press {
        Press::Ask | Press::Done => StatusCode::OK,
        Press::Dead => StatusCode::NOT_FOUND,
    }
}

/// Our side failed: it is logged without whom it was about.
pub fn failed(err: &anyhow::Error, what: &str) -> Response {
    error!(error = format!("{err:#}"), "{what}");
    StatusCode::SERVICE_UNAVAILABLE.into_response()
}
