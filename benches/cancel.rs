//! Cancel: an action that many were told of is cancelled: how long until the last of 10,000 mails, the page, the
//! feeds, the calendar and three targets have it; and until the first mail, while a digest for 100,000 goes out under
//! a rate limit.
//!
//! `cargo bench --bench cancel [-- told [digest]]`; needs Debian's package postfix (its service stays off).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark may fail and prints its result"
)]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use serde_json::json;
use stage::{edition, import, lay_out, page, sent, serve, smtp, start_sink, wait, wait_by, write_notice};

mod meter;
mod stage;

const TOLD: usize = 10_000;
const DIGEST: usize = 100_000;
const CONNECTIONS: usize = 10;
const TARGETS: usize = 3;

// A digest of 100,000 takes 17 minutes at this.
const PER_MINUTE: u32 = 6_000;

const STEP: Duration = Duration::from_millis(5);

const MAIL: &str = "[mail]\nfrom = \"Notices <notices@example.org>\"\n";

const ALERTS: &str = "[[list]]\nname = \"alerts\"\nwhen = \"at once\"\nkinds = [\"action\"]\n";

// In each minute, so that it comes soon.
const ISSUES: &str = "[[list]]\nname = \"issues\"\nwhen = \"* * * * *\"\nkinds = [\"statement\"]\n";

const CANCELLED: &str = "correction/alerts/march/1";

fn main() {
    let mut counts = env::args().filter_map(|arg| arg.parse().ok());
    let (told, digest) = (counts.next().unwrap_or(TOLD), counts.next().unwrap_or(DIGEST));
    let (_sink, port) = start_sink();
    everywhere(port, told);
    past_a_digest(port, told, digest);
}

/// Everything that carries the action says that it is cancelled.
fn everywhere(port: u16, told: usize) {
    let folder = meter::folder();
    let root = folder.path();
    let posts = Arc::new(AtomicUsize::new(0));
    let targets: Vec<String> = (0..TARGETS).map(|number| target(root, number, &posts)).collect();
    lay_out(root, &format!("{ALERTS}{}{MAIL}{}", targets.concat(), smtp(port, CONNECTIONS)));
    import(root, "alerts", told);
    let (_serve, served) = serve(root);
    let all = told + TARGETS;
    write_notice(root, "march", &march("scheduled"));
    wait(|| sent(&served) >= all);
    // What is written down last, and no more than that.
    thread::sleep(Duration::from_secs(2));
    let before = posts.load(Ordering::Relaxed);
    let written_at = Instant::now();
    write_notice(root, "march", &march("cancelled"));
    let documents = thread::spawn({
        let listen = served.pages.clone();
        move || {
            wait_by(STEP, || DOCUMENTS.iter().all(|(path, text)| page(&listen, path).contains(text)));
            written_at.elapsed()
        }
    });
    wait_by(STEP, || posts.load(Ordering::Relaxed) >= before + TARGETS);
    let posted = written_at.elapsed();
    wait_by(Duration::from_millis(50), || sent(&served) >= 2 * all);
    let mailed = written_at.elapsed();
    println!("from the file of a cancelled action, {told} people and {TARGETS} targets told before:");
    tell("page, feeds and calendars", documents.join().unwrap());
    tell(&format!("{TARGETS} targets"), posted);
    tell(&format!("the last of {told} mails"), mailed);
    thread::sleep(Duration::from_secs(2));
    assert_eq!(edition(root, CANCELLED).unwrap()["sent"], json!(told));
}

/// The first mail overtakes a digest that has the whole rate.
fn past_a_digest(port: u16, told: usize, digest: usize) {
    let folder = meter::folder();
    let root = folder.path();
    let limit = format!("\nper_minute = {PER_MINUTE}");
    lay_out(root, &format!("{ALERTS}{ISSUES}{MAIL}{}{limit}", smtp(port, CONNECTIONS)));
    // Few, so that they are told soon under the rate.
    import(root, "alerts", told.min(100));
    import(root, "issues", digest);
    let (_serve, served) = serve(root);
    write_notice(root, "march", &march("scheduled"));
    wait(|| sent(&served) >= told.min(100));
    write_notice(root, "stand", "+++\nkind = \"statement\"\ntitle = \"We stand by you\"\n+++\nWe do.\n");
    wait(|| sent(&served) >= told.min(100) + 500);
    let written_at = Instant::now();
    write_notice(root, "march", &march("cancelled"));
    wait_by(STEP, || edition(root, CANCELLED).is_some_and(|edition| edition["sent"] != json!(0)));
    println!("beside a digest for {digest} at {PER_MINUTE} a minute:");
    tell("the first mail", written_at.elapsed());
    assert!(sent(&served) < digest / 2, "the digest was over");
}

fn tell(what: &str, took: Duration) {
    println!("{:<30} {:.3} s", format!("{what}:"), took.as_secs_f64());
}

const DOCUMENTS: [(&str, &str); 6] = [
    ("/notices/march/", "ancelled"),
    ("/notices/march/event.ics", "STATUS:CANCELLED"),
    ("/calendar/actions.ics", "STATUS:CANCELLED"),
    ("/feeds/all.atom", "CANCELLED: "),
    ("/feeds/all.rss", "CANCELLED: "),
    ("/feeds/all.json", "CANCELLED: "),
];

fn march(status: &str) -> String {
    format!(
        "+++\nkind = \"action\"\ntitle = \"March for the tenants\"\nsummary = \"Bring banners.\"\n\
         starts = 2035-07-10 09:00\nzone = \"America/New_York\"\nstatus = \"{status}\"\n\
         [place]\nname = \"Alder Street\"\n+++\nBring water, and a friend.\n"
    )
}

/// The table of a target that counts its posts.
fn target(root: &Path, number: usize, posts: &Arc<AtomicUsize>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let posts = Arc::clone(posts);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let posts = Arc::clone(&posts);
            thread::spawn(move || answer(stream.unwrap(), &posts));
        }
    });
    let secret = root.join(format!("target-{number}.secret"));
    fs::write(&secret, "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=\n").unwrap();
    #[cfg(unix)]
    fs::set_permissions(&secret, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    format!(
        "[[target]]\nname = \"target-{number}\"\nurl = \"http://127.0.0.1:{port}/\"\nallow = [\"127.0.0.0/8\"]\n\
         secret_file = \"target-{number}.secret\"\n"
    )
}

fn answer(stream: TcpStream, posts: &AtomicUsize) {
    let mut reader = BufReader::new(stream);
    loop {
        let mut length = 0;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            if let Some(bytes) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = bytes.trim().parse().unwrap();
            }
            if line == "\r\n" {
                break;
            }
        }
        reader.read_exact(&mut vec![0; length]).unwrap();
        posts.fetch_add(1, Ordering::Relaxed);
        reader.get_mut().write_all(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
    }
}
