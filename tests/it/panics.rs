//! Panics: a mistake in the program, of which one request dies and nothing is told.

use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::sync::Arc;

use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use handbill::clock::Clock;
use handbill::command::terminal;
use handbill::web::live::{self, Live};
use handbill::web::networks::Networks;
use handbill::web::shelf::Shelf;
use reqwest::StatusCode;
use tokio::sync::Notify;

use crate::plan::at;
use crate::world::World;

const ADDRESS: &str = "juniper.quillfeather@marshwren.example.org";
const LIST: &str = "[[list]]\nname = \"alerts\"\nwhen = \"at once\"\n";

#[test]
fn of_a_mistake_one_request_dies_and_the_log_says_where_and_not_what() {
    // The log and what a panic does are one for a process, so this is another one.
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["panics::a_service_with_a_mistake", "--exact", "--ignored", "--nocapture"])
        .stdout(Stdio::null())
        .output()
        .unwrap();
    let log = String::from_utf8(child.stderr).unwrap();
    assert!(child.status.success(), "{log}");
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("This is a mistake")).collect();
    assert_eq!(lines.len(), 2, "{log}");
    assert!(lines.iter().all(|line| line.contains("tests/it/panics.rs:")), "{log}");
    for part in ["juniper", "marshwren", "quillfeather"] {
        assert!(!log.to_lowercase().contains(part), "{log}");
    }
    assert!(log.contains("It was planted."), "what is logged is seen here: {log}");
}

#[test]
#[ignore = "run by the test above, in a process of its own"]
fn a_service_with_a_mistake() {
    terminal::start_log(Some("trace"), true);
    let world = World::new(LIST);
    world.look("2018-07-08T10:00Z");
    world.runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = router(&world).await.into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(axum::serve(listener, router).into_future());
        let client = reqwest::Client::builder().no_proxy().tls_backend_rustls().build().unwrap();
        for _ in 0..2 {
            let url = format!("http://{address}/mistake/{ADDRESS}");
            let answer = client.get(url).send().await.unwrap();
            assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
            assert_eq!(answer.headers()["referrer-policy"], "no-referrer");
            assert_eq!(answer.text().await.unwrap(), "Something is wrong on our side.\n");
        }
        assert_eq!(client.get(format!("http://{address}/")).send().await.unwrap().status(), StatusCode::OK);
        let body = format!("address={ADDRESS}&lists=alerts");
        let asked = client.post(format!("http://{address}/subscribe")).body(body).send().await.unwrap();
        assert_eq!(asked.status(), StatusCode::OK);
    });
    tracing::warn!("It was planted.");
}

// What `serve` has, and a route with a mistake that says all that it was given.
async fn router(world: &World) -> Router {
    let installation = &world.installation;
    let live = Live {
        config: Arc::new(installation.config.clone()),
        templates: Arc::new(installation.templates().unwrap()),
        ledger: installation.ledger().await.unwrap(),
        key: installation.key().ok(),
        clock: Clock::fast(at("2018-07-08T10:00Z"), 1),
        wake: Arc::new(Notify::new()),
        networks: Arc::new(Networks::new(240)),
    };
    let mistake = get(|Path(address): Path<String>| async move {
        assert!(address.is_empty(), "{address}");
    });
    let others = live::router(live).route("/mistake/{address}", mistake);
    let shelf = Arc::new(Shelf::open(installation.site()).unwrap());
    handbill::web::router(shelf, &installation.config.site, others)
}
