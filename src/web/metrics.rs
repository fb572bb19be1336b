//! Metrics: how delivering goes, in OpenMetrics, at an address that is not the public one: what was sent tells how
//! many people there are.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::registry::Registry;

use crate::deliver::Counts;

/// `/metrics`.
pub fn router(counts: Arc<Counts>) -> Router {
    Router::new().route("/metrics", get(metrics)).with_state(counts)
}

async fn metrics(State(counts): State<Arc<Counts>>) -> Response {
    let mut registry = Registry::default();
    for (name, help, counter) in [
        ("sent", "Mails and posts that were taken", &counts.sent),
        ("deferred", "Answers that said not now", &counts.deferred),
        ("bounced", "Answers that said never", &counts.bounced),
        ("uncertain", "Mails whose answer never came", &counts.uncertain),
        ("expired", "Deliveries that came too late", &counts.expired),
        ("superseded", "Reminders of what was not true any more", &counts.superseded),
    ] {
        let name = format!("handbill_{name}");
        registry.register(name, help, ConstCounter::new(counter.load(Ordering::Relaxed)));
    }
    let mut text = String::new();
    if encode(&mut text, &registry).is_err() {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "no-store")], text).into_response()
}
