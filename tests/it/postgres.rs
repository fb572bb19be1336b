//! PostgreSQL: one real server for this test process, in a temporary folder, on a free port of the loopback.
//!
//! It ends with the process, however that ends: a shell holds it, and stops it when the pipe to the tests closes.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::{AnyConnection, Connection};

// $1 is the folder, $2 the folder of the programs, $3 the port.
const HOLD: &str = r#"
set -e
cd "$1"
export LC_ALL=C
"$2/initdb" -D data -U handbill -A trust -E UTF8 --locale=C --no-sync >log 2>&1
"$2/pg_ctl" -D data -l log -w -o "-p $3 -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=on -c max_connections=300 -c shared_buffers=256MB" start >>log 2>&1
echo ready
cat >>log
"$2/pg_ctl" -D data -m immediate -w stop >>log 2>&1
cd /
rm -rf "$1"
"#;

struct Server {
    port: u16,
    // The server stops when this closes.
    _hold: ChildStdin,
}

/// The address of a new, empty database. None when `HANDBILL_WITHOUT_POSTGRES=1` leaves this part out, for those
/// who cannot install a server.
pub async fn database() -> Option<String> {
    static SERVER: OnceLock<Server> = OnceLock::new();
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    if std::env::var("HANDBILL_WITHOUT_POSTGRES").is_ok_and(|value| value == "1") {
        eprintln!("left out, because HANDBILL_WITHOUT_POSTGRES is 1: this test needs PostgreSQL");
        return None;
    }
    let server = SERVER.get_or_init(start);
    let name = format!("t_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
    execute(&url(server.port, "postgres"), &format!("CREATE DATABASE {name}")).await;
    Some(url(server.port, &name))
}

/// Past the ledger, on either database.
pub async fn execute(url: &str, statement: &str) {
    sqlx::any::install_default_drivers();
    let mut connection = AnyConnection::connect(url).await.unwrap();
    sqlx::query(sqlx::AssertSqlSafe(statement)).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

fn url(port: u16, database: &str) -> String {
    format!("postgres://handbill@127.0.0.1:{port}/{database}")
}

#[expect(clippy::zombie_processes, reason = "the shell has to outlive this process, to stop the server")]
fn start() -> Server {
    let programs = programs();
    let folder = tempfile::Builder::new().prefix("handbill-postgres-").tempdir().unwrap().keep();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut hold = Command::new("sh");
    hold.args(["-c", HOLD, "sh"]).arg(&folder).arg(&programs).arg(port.to_string());
    // PostgreSQL refuses to run as root.
    if folder.metadata().unwrap().uid() == 0 {
        let (user, group) = unprivileged();
        chown(&folder, Some(user), Some(group)).unwrap();
        hold.uid(user).gid(group);
    }
    // In a group of its own: an interrupt from the terminal ends the tests, and the shell has to outlive them.
    hold.process_group(0).current_dir("/").stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = hold.spawn().unwrap();
    let mut said = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut said).unwrap();
    assert_eq!(said, "ready\n", "{}", std::fs::read_to_string(folder.join("log")).unwrap_or_default());
    Server { port, _hold: child.stdin.take().unwrap() }
}

// The newest PostgreSQL of Debian, or whatever is in the path; never a server that runs already.
fn programs() -> PathBuf {
    let debian = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = debian.map(|version| version.path().join("bin")).collect();
    folders.sort_by_key(|folder| {
        let version = folder.parent().and_then(Path::file_name).and_then(|name| name.to_str());
        version.and_then(|version| version.parse::<u32>().ok())
    });
    folders.reverse();
    folders.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    folders.extend(["/usr/local/bin", "/usr/local/pgsql/bin"].map(PathBuf::from));
    let has_all = |folder: &PathBuf| {
        ["initdb", "postgres", "pg_ctl"].iter().all(|program| folder.join(program).is_file())
    };
    folders.into_iter().find(has_all).expect(
        "this test needs PostgreSQL: install the package `postgresql`, or leave the test out with HANDBILL_WITHOUT_POSTGRES=1",
    )
}

fn unprivileged() -> (u32, u32) {
    let users = std::fs::read_to_string("/etc/passwd").unwrap();
    let find = |name: &str| {
        let fields: Vec<&str> = users.lines().find(|line| line.starts_with(name))?.split(':').collect();
        Some((fields[2].parse().unwrap(), fields[3].parse().unwrap()))
    };
    find("postgres:")
        .or_else(|| find("nobody:"))
        .expect("a user `postgres` or `nobody`, who may run a server")
}
