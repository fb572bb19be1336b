//! Backup: the real program writes one and makes an installation from it.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use age::secrecy::ExposeSecret as _;
use age::x25519::Identity;
use tempfile::TempDir;

const NOTICE: &str = "+++\nkind = \"statement\"\ntitle = \"We stay\"\n+++\nWe say so.\n";

fn handbill(root: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_handbill")).arg("-C").arg(root).args(arguments).output().unwrap()
}

#[track_caller]
fn done(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[track_caller]
fn refused(output: &Output, why: &str) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains(why), "{said}");
}

/// An installation with a subscriber, beside the identity that opens its backups.
struct Place {
    folder: TempDir,
    recipient: String,
}

impl Place {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let identity = Identity::generate();
        fs::write(folder.path().join("identity"), identity.to_string().expose_secret()).unwrap();
        let place = Self { recipient: identity.to_public().to_string(), folder };
        let root = place.root();
        done(&handbill(&root, &["init", "--empty"]));
        let ana =
            ["subscribers", "add", "ana@example.org", "--list", "weekly", "--consent", "at the assembly"];
        done(&handbill(&root, &ana));
        fs::write(root.join("notices/stay.md"), NOTICE).unwrap();
        place
    }

    fn at(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn root(&self) -> std::path::PathBuf {
        self.at("council")
    }

    fn back_up(&self, name: &str, options: &[&str]) -> Output {
        let file = self.at(name);
        let mut arguments = vec!["backup", file.to_str().unwrap(), "--to", &self.recipient];
        arguments.extend(options);
        handbill(&self.root(), &arguments)
    }

    fn restore(&self, name: &str, into: &str, identity: &str) -> Output {
        let (file, identity) = (self.at(name), self.at(identity));
        let arguments = ["restore", file.to_str().unwrap(), "--identity", identity.to_str().unwrap()];
        handbill(&self.at(into), &arguments)
    }
}

#[test]
fn a_backup_makes_the_installation_again_and_holds_sending() {
    let place = Place::new();
    let said = done(&place.back_up("one.age", &["--with-key"]));
    assert!(said.contains("encrypted"), "{said}");
    let names: Vec<_> =
        fs::read_dir(place.folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), 3, "no part is left behind: {names:?}");
    let said = done(&place.restore("one.age", "again", "identity"));
    assert!(said.contains("Sending is held"), "{said}");
    let again = place.at("again");
    for file in ["handbill.toml", "handbill.key", "notices/stay.md", "secrets/signing.pem"] {
        assert_eq!(fs::read(again.join(file)).unwrap(), fs::read(place.root().join(file)).unwrap(), "{file}");
    }
    let shown = done(&handbill(&again, &["subscribers", "show", "ana@example.org"]));
    assert!(shown.contains("weekly"), "{shown}");
    let queue = done(&handbill(&again, &["queue"]));
    assert!(queue.contains("Sending is held since"), "{queue}");
    assert!(done(&handbill(&again, &["audit"])).contains("backup"));
    #[cfg(unix)]
    for file in ["handbill.key", "secrets/signing.pem", "data/ledger.db"] {
        let metadata = fs::metadata(again.join(file)).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::mode(&metadata.permissions());
        assert_eq!(mode & 0o077, 0, "{file} can be read by others");
    }
}

#[test]
fn who_comes_after_a_restore_has_the_number_of_nobody_who_came_after_the_backup() {
    let place = Place::new();
    done(&place.back_up("one.age", &["--with-key"]));
    let number_of = |root: &Path, name: &str| {
        let add = ["subscribers", "add", name, "--list", "weekly", "--consent", "at the assembly"];
        done(&handbill(root, &add));
        let listed = done(&handbill(root, &["subscribers", "list", "--json"]));
        let people: Vec<serde_json::Value> = serde_json::from_str(&listed).unwrap();
        people.iter().map(|one| one["number"].as_i64().unwrap()).max().unwrap()
    };
    let alma = number_of(&place.root(), "alma@example.org");
    done(&place.restore("one.age", "again", "identity"));
    let bruno = number_of(&place.at("again"), "bruno@example.org");
    assert!(bruno > alma + 1_000_000, "{alma}, {bruno}");
    // The same backup once more.
    done(&place.restore("one.age", "once-more", "identity"));
    let carla = number_of(&place.at("once-more"), "carla@example.org");
    assert!(carla > bruno, "{bruno}, {carla}");
}

#[test]
fn a_backup_is_without_the_key_unless_somebody_asks_for_it() {
    let place = Place::new();
    let said = done(&place.back_up("one.age", &[]));
    assert!(said.contains("The key is not in it"), "{said}");
    let said = done(&place.restore("one.age", "again", "identity"));
    let key = place.at("again").join("handbill.key");
    assert!(!key.exists());
    assert!(said.contains("Put the key into its place"), "{said}");
    fs::copy(place.root().join("handbill.key"), key).unwrap();
    done(&handbill(&place.at("again"), &["subscribers", "show", "ana@example.org"]));
}

#[test]
fn a_backup_lies_nowhere_in_the_clear() {
    let place = Place::new();
    done(&place.back_up("one.age", &["--with-key"]));
    let bytes = fs::read(place.at("one.age")).unwrap();
    assert!(bytes.starts_with(b"age-encryption.org/v1"));
    for clear in [&b"SQLite format"[..], b"We say so", b"[site]", b"ustar", b"PRIVATE KEY"] {
        assert!(!bytes.windows(clear.len()).any(|window| window == clear), "{}", clear.escape_ascii());
    }
    #[cfg(unix)]
    {
        let metadata = fs::metadata(place.at("one.age")).unwrap();
        assert_eq!(std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o077, 0);
    }
}

#[test]
fn an_earlier_backup_is_not_in_the_next_one() {
    let place = Place::new();
    let within = place.root().join("first.age");
    done(&handbill(&place.root(), &["backup", within.to_str().unwrap(), "--to", &place.recipient]));
    done(&place.back_up("second.age", &[]));
    done(&place.restore("second.age", "again", "identity"));
    assert!(!place.at("again").join("first.age").exists());
    assert!(!place.at("again").join("first.age.part").exists());
}

#[test]
fn what_is_no_whole_backup_of_ours_makes_nothing() {
    let place = Place::new();
    done(&place.back_up("one.age", &["--with-key"]));
    refused(&place.back_up("one.age", &[]), "is there already");
    refused(&place.restore("one.age", "council", "identity"), "is not empty");
    fs::write(place.at("other"), Identity::generate().to_string().expose_secret()).unwrap();
    refused(&place.restore("one.age", "again", "other"), "with that identity");
    let bytes = fs::read(place.at("one.age")).unwrap();
    for length in [10, bytes.len() / 2, bytes.len() - 1] {
        fs::write(place.at("cut.age"), &bytes[..length]).unwrap();
        refused(&place.restore("cut.age", "again", "identity"), "open the backup");
        assert!(!place.at("again").exists(), "{length} of {} bytes", bytes.len());
    }
    let wrong = handbill(&place.root(), &["backup", "x.age", "--to", "ana@example.org"]);
    assert_eq!(wrong.status.code(), Some(2), "{wrong:?}");
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("not an age recipient"), "{wrong:?}");
    assert!(!place.root().join("x.age.part").exists());
}

#[test]
fn a_ledger_that_is_written_to_is_copied_as_it_was_at_one_moment() {
    let place = Place::new();
    let people: String = (0..20_000).map(|number| format!("reader-{number}@example.org,weekly\n")).collect();
    fs::write(place.at("people.csv"), format!("email,lists\n{people}")).unwrap();
    let mut import = Command::new(env!("CARGO_BIN_EXE_handbill"));
    import.arg("-C").arg(place.root()).args(["subscribers", "import", "--consent", "at the assembly"]);
    let mut import = import.arg(place.at("people.csv")).spawn().unwrap();
    let mut copies = 0;
    while import.try_wait().unwrap().is_none() {
        let name = format!("{copies}.age");
        done(&place.back_up(&name, &["--with-key"]));
        copies += 1;
    }
    for copy in 0..copies {
        let into = format!("again-{copy}");
        done(&place.restore(&format!("{copy}.age"), &into, "identity"));
        done(&handbill(&place.at(&into), &["queue"]));
        let stats = done(&handbill(&place.at(&into), &["subscribers", "stats", "--json"]));
        assert!(stats.contains("weekly"), "{stats}");
    }
    assert!(copies > 0);
    assert!(import.wait().unwrap().success(), "what is copied meanwhile breaks no import");
}
