//! Demo: the whole program, from notice files to read mails, as a newcomer runs it.

use std::process::Command;

#[test]
fn the_demo_plays_both_seasons_and_its_counts_agree() {
    let output = Command::new(env!("CARGO_BIN_EXE_handbill"))
        .args(["demo", "--no-open", "--until-done"])
        .output()
        .unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{told}\n{}", String::from_utf8_lossy(&output.stderr));
    // Each is all of one line but for the columns between: when, what, and of what.
    let abolish_ice = "“#AbolishICE: protest the mayor's keynote";
    for (at, what, text, end) in [
        ("Sun 2018-07-08 18:00", "alert", abolish_ice, "→ 8 mails to Action alerts"),
        ("Mon 2018-07-09 09:00", "reminder", "1 day before, “#AbolishICE", "→ 8 mails to Action alerts"),
        // It begins at nine; two hours before are quiet hours, so the reminder waits for their end.
        ("Tue 2018-07-10 08:00", "reminder", "2 hours before, “#AbolishICE", "→ 8 mails to Action alerts"),
        (
            "Fri 2018-07-13 19:00",
            "correction",
            "The place has changed: was Lantern Street Library",
            "→ 4 mails to Weekly notices, 8 mails to Action alerts",
        ),
        (
            "Mon 2018-07-16 10:00",
            "correction",
            "“Vigil at Foley Square”: It is cancelled.",
            "→ 4 mails to Weekly notices, 8 mails to Action alerts",
        ),
        ("Mon 2018-07-16 10:00", "post", "notice.cancelled “CANCELLED: Vigil at Foley Square”", "verified"),
        ("Sat 2020-02-01 00:00", "on", "none is sent late", ""),
        (
            "Mon 2020-02-17 09:00",
            "issue",
            "“Solidarity with the Wet’suwet’en people”",
            "→ 10 mails to Weekly notices",
        ),
        ("Mon 2020-04-06 09:00", "issue", "“Mutual Aid Dispatches:", "→ 10 mails to Weekly notices"),
    ] {
        let found = told
            .lines()
            .filter(|line| line.starts_with(&format!("{at}  {what} ")))
            .filter(|line| line.contains(text) && line.ends_with(end));
        assert_eq!(found.count(), 1, "{at} {what} {text}\n{told}");
    }
    let cancelled = told.lines().filter(|line| line.contains("reminder") && line.contains("Vigil"));
    assert_eq!(cancelled.count(), 0, "nobody is reminded of what is cancelled\n{told}");
    let number = |line: &str, after: &str| -> u64 {
        let line = told.lines().find(|found| found.starts_with(line)).unwrap();
        let before = line.split(after).next().unwrap().trim();
        before.rsplit(' ').next().unwrap().parse().unwrap()
    };
    assert_eq!(number("Editions", " planned"), number("Editions", " complete"));
    assert_eq!(number("Mails", " deliveries"), number("Mails", " files"));
    assert_eq!(number("Mails", " deliveries"), number("Mails", " different"));
    assert_eq!(number("Posts", " deliveries"), number("Posts", " verified") - number("Posts", " copies"));
    assert!(number("Mails", " deliveries") > 300, "{told}");
    assert!(told.trim_end().ends_with("All counts agree."), "{told}");
    assert!(!told.contains('\x1b'), "no colours where nobody sees them");
}
