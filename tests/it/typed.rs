//! Typed: a name that leads to nothing and a value that cannot be read are whose who typed them, and never our failure.

use std::path::Path;
use std::process::Command;

use crate::world::World;

const LISTS: &str = "[[list]]\nname = \"alerts\"\nwhen = \"at once\"\n\
                     [[list]]\nname = \"weekly\"\nwhen = \"0 9 * * MON\"\n";
const STATEMENT: &str = "+++\nkind = \"statement\"\ntitle = \"We stay\"\n+++\nWe say so.\n";

fn installation() -> World {
    let world = World::new(LISTS);
    world.look("2018-07-06T12:00Z");
    world.write("stay", STATEMENT);
    world.look("2018-07-06T13:00Z");
    world
}

// With this exit code and this complaint, and nothing else on either output.
fn check(root: &Path, arguments: &[&str], code: i32, complaint: &str) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_handbill"));
    let output = command.arg("-C").arg(root).args(arguments).output().unwrap();
    let [said, complained] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    assert_eq!(complained, format!("{complaint}\n"), "{arguments:?}");
    assert_eq!((output.status.code(), said.as_str()), (Some(code), ""), "{arguments:?}");
}

#[test]
fn a_name_that_leads_to_nothing_is_a_problem_and_what_was_meant_is_said() {
    let world = installation();
    for (arguments, complaint) in [
        (
            "edition alert/alerts/sty",
            "handbill: there is no edition alert/alerts/sty, did you mean alert/alerts/stay?",
        ),
        ("edition nope", "handbill: there is no edition nope; `handbill queue --all` lists them"),
        ("plan --explain nope", "handbill: the plan has no nope; `handbill plan` lists what it has"),
        (
            "plan --explain issue/weekly/2018-07-09T09:01 --from 2018-07-08",
            "handbill: the plan has no issue/weekly/2018-07-09T09:01, did you mean issue/weekly/2018-07-09T09:00?",
        ),
        ("subscribers list --list wekly", "handbill: no list is called wekly, did you mean weekly"),
        (
            "subscribers export --plain --list wekly people.csv",
            "handbill: no list is called wekly, did you mean weekly",
        ),
        (
            "subscribers add ada@example.org --list wekly --consent asked",
            "handbill: no list is called wekly, did you mean weekly",
        ),
        ("subscribers import no/people.csv --consent asked", "handbill: there is no file no/people.csv"),
        ("verify no/notice.txt --key no/signing.pub", "handbill: there is no file no/notice.txt"),
        ("preview sty", "there is no notice sty, did you mean stay?"),
        ("press sty", "there is no notice sty, did you mean stay?"),
        ("new action !?", "handbill: the title has no letter or digit to make a file's name of"),
    ] {
        check(world.path(), &arguments.split(' ').collect::<Vec<_>>(), 1, complaint);
    }
    let nowhere = world.path().join("nowhere");
    let complaint =
        format!("handbill: there is no handbill.toml in {}; `handbill init` makes one", nowhere.display());
    check(&nowhere, &["check"], 1, &complaint);
    let file = nowhere.join("one.age");
    let complaint = format!("handbill: open the backup: there is no file {}", file.display());
    check(&nowhere, &["restore", "one.age", "--identity", file.to_str().unwrap()], 1, &complaint);
}

#[test]
fn a_value_that_cannot_be_read_is_a_command_line_that_is_not_understood() {
    let world = installation();
    for (arguments, complaint) in [
        (
            "plan --from yesterday",
            "handbill: `yesterday` is no time; write 2018-07-10 or \"2018-07-10 09:00\"",
        ),
        (
            "plan --from 2018-07-10 --to 2018-07-09",
            "handbill: the end of the plan is not after its beginning",
        ),
        (
            "subscribers show nobody",
            "handbill: this is not a mail address, write one such as name@example.org",
        ),
        (
            "subscribers import people.csv --consent ",
            "handbill: say where the consent comes from: --consent \"signed up at the July assembly\"",
        ),
        (
            "subscribers export people.age --to age2",
            "handbill: age2 is not an age recipient (invalid Bech32 encoding), which begins with age1",
        ),
        (
            "dkim keygen --selector a/b",
            "handbill: \"a/b\" cannot stand in DNS; use letters, digits and hyphens, such as notices-2026",
        ),
        (
            "backup all.age --to age2",
            "handbill: age2 is not an age recipient (invalid Bech32 encoding), which begins with age1",
        ),
        (
            "verify Cargo.toml --key no/signing.pub",
            "handbill: no/signing.pub is no file, and this is no public key of minisign: two lines, the second begins with RW",
        ),
    ] {
        check(world.path(), &arguments.split(' ').collect::<Vec<_>>(), 2, complaint);
    }
}
