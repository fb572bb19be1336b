//! Confirm: the links in mails at which one press says yes, stay or leave.
//!
//! A link scanner that opens every link changes nothing: GET shows a button, POST acts.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use tracing::error;

use crate::config::List;
use crate::render::page::person::{self, Press};
use crate::subscriber::{Purpose, SubscriberId};
use crate::web::live::Live;

/// `GET /confirm/<token>`: what waits for a yes, and the button.
pub async fn ask_to_confirm(State(live): State<Live>, Path(token): Path<String>) -> Response {
    let Some(claim) = live.claim(&token, Purpose::Confirm) else { return dead_confirm(&live) };
    match live.ledger.person(claim.subscriber).await {
        Ok(Some(person)) if !person.asked.is_empty() => {
            let lists = named(&live, &person.asked);
            live.answer(StatusCode::OK, |frame| person::confirm(frame, Press::Ask, &lists))
        }
        Ok(Some(person)) if !person.lists.is_empty() => confirmed(&live, &person.lists),
        Ok(Some(_) | None) => dead_confirm(&live),
        Err(err) => failed(&err, "A request could not be shown."),
    }
}

/// `POST /confirm/<token>`.
pub async fn confirm(State(live): State<Live>, Path(token): Path<String>) -> Response {
    let Some(claim) = live.claim(&token, Purpose::Confirm) else { return dead_confirm(&live) };
    match press_confirm(&live, claim.subscriber).await {
        Ok(Some(lists)) => confirmed(&live, &lists),
        Ok(None) => dead_confirm(&live),
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
    let press = if live.claim(&token, Purpose::Stay).is_some() { Press::Ask } else { Press::Dead };
    live.answer(status(press), |frame| person::stay(frame, press))
}

/// `POST /stay/<token>`.
pub async fn stay(State(live): State<Live>, Path(token): Path<String>) -> Response {
    let stayed = match live.claim(&token, Purpose::Stay) {
        Some(claim) => live.ledger.stay(claim.subscriber, live.clock.now()).await,
        None => Ok(false),
    };
    match stayed {
        Ok(stayed) => {
            let press = if stayed { Press::Done } else { Press::Dead };
            live.answer(status(press), |frame| person::stay(frame, press))
        }
        Err(err) => failed(&err, "Somebody could not stay."),
    }
}

/// `GET /leave/<token>`.
pub async fn ask_to_leave(State(live): State<Live>, Path(token): Path<String>) -> Response {
    let claim = live.claim(&token, Purpose::Leave);
    let press = if claim.is_some() { Press::Ask } else { Press::Dead };
    left(&live, press, claim.map(|claim| claim.list))
}

/// `POST /leave/<token>`. RFC 8058 §3.1: the body is List-Unsubscribe=One-Click or a browser's empty form; either is
/// a wish to leave. Done already, it is done.
pub async fn leave(State(live): State<Live>, Path(token): Path<String>) -> Response {
    let Some(claim) = live.claim(&token, Purpose::Leave) else { return left(&live, Press::Dead, None) };
    let done = match claim.list.as_str() {
        "" => live.ledger.leave_all(claim.subscriber).await,
        list => live.ledger.leave(claim.subscriber, list).await,
    };
    match done {
        Ok(()) => left(&live, Press::Done, Some(claim.list)),
        Err(err) => failed(&err, "Somebody could not leave."),
    }
}

fn left(live: &Live, press: Press, list: Option<String>) -> Response {
    let title = list.filter(|list| !list.is_empty()).map(|list| live.list_title(&list));
    live.answer(status(press), |frame| person::leave(frame, press, title.as_deref()))
}

fn confirmed(live: &Live, names: &[String]) -> Response {
    let lists = named(live, names);
    live.answer(StatusCode::OK, |frame| person::confirm(frame, Press::Done, &lists))
}

fn dead_confirm(live: &Live) -> Response {
    live.answer(status(Press::Dead), |frame| person::confirm(frame, Press::Dead, &[]))
}

fn named<'l>(live: &'l Live, names: &[String]) -> Vec<&'l List> {
    names.iter().filter_map(|name| live.config.list(name)).collect()
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
