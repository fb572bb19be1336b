//! Lint: text in, the suspicious pieces out.

use chrono::NaiveDate;
use handbill::notice::lint::lint;
use handbill::problem::Report;
use proptest::prelude::*;

// The pieces of the source that are warned about; the source is all text, of an action on 10 July 2018.
fn check(source: &str, expected: &[&str]) {
    let starts = NaiveDate::from_ymd_opt(2018, 7, 10);
    let problems = lint(source, 0, starts);
    let found: Vec<&str> = problems.iter().map(|problem| &source[problem.span.clone()]).collect();
    assert_eq!(found, expected, "in {source:?}: {problems:?}");
}

// The lines that a person reads.
fn check_lines(source: &str, starts: &str, expected: &str) {
    let body_offset = source.rfind("+++\n").map_or(0, |at| at + 4);
    let problems = lint(source, body_offset, starts.parse().ok());
    assert_eq!(Report::new("n.md", source, problems).to_string(), expected);
}

#[test]
fn a_telephone_number_is_worth_a_look() {
    for number in [
        "212-555-0100",
        "(212) 555-0100",
        "(212)555-0100",
        "212.555.0100",
        "212 555 0100",
        "1-800-555-0100",
        "1 (212) 555-0100",
        "+1 212 555 0100",
        "+1-212-555-0100",
        "+12125550100",
        "+1 (212) 555-0100",
        "+44 20 7946 0958",
        "+44 (0)20 7946 0958",
        "+49 30 901820",
        "+49 (30) 90 18 20",
        "+33 1 23 45 67 89",
        "+52 55 5555 5555",
        "+90 212 555 01 00",
        "0049 30 901820",
        "0033 1 23 45 67 89",
        "212\u{2011}555\u{2011}0100",
        "212\u{a0}555\u{a0}0100",
    ] {
        check(number, &[number]);
        check(&format!("Call {number}."), &[number]);
        check(&format!("Ring us ({number}), please"), &[number]);
        check(&format!("**{number}**\nor _{number}_"), &[number, number]);
        check(&format!("Löwe ☎ {number}, ask for the desk"), &[number]);
        check(&format!("a {number} b {number} c"), &[number, number]);
    }
}

#[test]
fn a_number_that_nobody_can_call_is_left_alone() {
    for text in [
        "2018-07-10",
        "2018-07-10 09:00",
        "2018-07-10T09:00:00-04:00",
        "10.07.2018",
        "07/10/2018",
        "from 2017 to 2018",
        "2017-2018",
        "10019",
        "10019-1234",
        "New York, NY 10019",
        "811 7th Avenue at 53rd Street",
        "2125550100",
        "1234567890",
        "1,234,567,890 people",
        "212,555,0100",
        "$212 555 0100",
        "112-555-0100",
        "212-155-0100",
        "212-555-01000",
        "5212-555-0100",
        "212-555-010",
        "555-0100",
        "ISBN 978-0-306-40615-7",
        "9783-212-555-0100",
        "40.762700, -73.981800",
        "192.168.100.1000",
        "1.212.555.010",
        "+1",
        "+5 points",
        "9 + 10 = 19",
        "C++ 2011",
        "+1234567",
        "# 1984",
        "Room 212, floor 555",
        "8:30-10:00",
        "https://example.org/212-555-0100",
        "https://example.org/?call=+12125550100",
        "see https://example.org/a/(212)555-0100.",
        "A212-555-0100",
        "212-555-0100B",
        "order 1-212-555-0100-7",
        "#212-555-0100",
        "0049",
        "007 agents in 00 rooms",
        "",
    ] {
        check(text, &[]);
    }
}

#[test]
fn the_field_for_jail_support_may_hold_a_telephone_number() {
    let notice =
        "+++\n[legal]\njail_support = \"212-555-0100\"\nnote = \"212-555-0101\"\n+++\n\nCall 212-555-0102.\n";
    let warning = "warning: this looks like a telephone number, which anyone can call and trace to a person, \
                   keep it if it is the group's hotline; a number for one day belongs into legal.jail_support, \
                   where it expires";
    check_lines(notice, "", &format!("n.md:4:9: {warning}\nn.md:7:6: {warning}"));
}

#[test]
fn a_persons_mailbox_is_worth_a_look() {
    for address in [
        "somebody@gmail.com",
        "somebody+action@gmail.com",
        "Some.Body@GMAIL.com",
        "nemo99@yahoo.co.uk",
        "nemo@yahoo.fr",
        "nemo@gmx.net",
        "nemo@proton.me",
        "nemo@icloud.com",
        "nemo@web.de",
        "jane.doe@example.org",
        "jane_doe@example.org",
        "j.doe@example.org",
        "jane.q.doe@example.org",
        "Jane.Doe@sub.example.org",
        "jane.doe-smith@example.org",
    ] {
        check(address, &[address]);
        check(&format!("Write to {address}."), &[address]);
        check(&format!("<{address}>"), &[address]);
        check(&format!("[us](mailto:{address})"), &[address]);
        check(&format!("email = \"{address}\""), &[address]);
        check(&format!("Žižek ({address}, {address})"), &[address, address]);
    }
}

#[test]
fn an_address_that_a_group_answers_is_left_alone() {
    for address in [
        "press@example.org",
        "info@example.org",
        "Press@example.org",
        "press@gmail.com",
        "macc.press@gmail.com",
        "nyc-jail-support@gmail.com",
        "new.york.coalition@example.org",
        "legal+july@example.org",
        "macc@example.org",
        "abolish-ice@example.org",
        "nyc2018@example.org",
        "solidarity@riseup.net",
        "@group@gmail.com",
        "@group@social.example.org",
        "https://someone@gmail.com/",
        "a@b",
        "@",
        "meet @ noon",
        "a @gmail.com",
    ] {
        check(address, &[]);
        check(&format!("Write to {address} today"), &[]);
    }
}

#[test]
fn a_shortened_link_is_worth_a_look() {
    for link in [
        "https://bit.ly/2KZabcd",
        "http://bit.ly/x",
        "https://www.bit.ly/x",
        "HTTPS://BIT.LY/x",
        "https://t.co/AbC123",
        "https://tinyurl.com/abolish",
        "https://goo.gl/maps/x",
        "https://ow.ly/x",
        "https://lnkd.in/x",
        "bit.ly/2KZabcd",
        "tinyurl.com/abolish",
        "www.tinyurl.com/abolish",
    ] {
        check(link, &[link]);
        check(&format!("See {link}."), &[link]);
        check(&format!("See [it]({link})"), &[link]);
        check(&format!("<{link}>"), &[link]);
        check(&format!("→{link}, or"), &[link]);
    }
}

#[test]
fn a_link_that_says_where_it_leads_is_left_alone() {
    for link in [
        "https://example.org/bit.ly/x",
        "https://notbit.ly/x",
        "https://bit.ly.example.org/x",
        "https://example.org/?to=t.co/x",
        "https://sport.com/x",
        "at.co/x",
        "me@bit.ly/x",
        "sub-t.co/x",
        "https://youtu.be/abcdef",
        "and/or",
        "t.co",
        "24.7/365",
        "media/crowd.jpg",
        "https://",
        "http://[",
        "https://[::1/x",
    ] {
        check(link, &[]);
    }
}

#[test]
fn a_link_that_traces_readers_is_worth_a_look() {
    for (link, clean) in [
        ("https://example.org/a?utm_source=mail", "https://example.org/a"),
        ("https://example.org/?UTM_Source=mail", "https://example.org/"),
        ("https://example.org/a?utm_source=mail&page=2", "https://example.org/a?page=2"),
        ("https://example.org/a?page=2&utm_source=mail", "https://example.org/a?page=2"),
        ("https://example.org/a?page=2&fbclid=x&q=a+b#part", "https://example.org/a?page=2&q=a+b#part"),
        ("https://example.org/a?fbclid=x#part", "https://example.org/a#part"),
        ("https://example.org/a?gclid=x", "https://example.org/a"),
        ("https://example.org/a?mc_cid=1&mc_eid=2", "https://example.org/a"),
        ("https://example.org/a?igshid=x", "https://example.org/a"),
        ("https://example.org/a?a=1&amp;utm_medium=x", "https://example.org/a?a=1"),
        ("https://example.org/a?_hsenc=x&_hsmi=y", "https://example.org/a"),
        ("https://example.org/a?fbclid", "https://example.org/a"),
        ("https://youtu.be/abc?si=x", "https://youtu.be/abc"),
        ("https://www.youtube.com/watch?v=abc&si=x", "https://www.youtube.com/watch?v=abc"),
        ("https://twitter.com/a/status/1?s=20", "https://twitter.com/a/status/1"),
        ("http://example.org:8080/é?x=ü&utm_id=1", "http://example.org:8080/é?x=ü"),
    ] {
        check(link, &[link]);
        check(&format!("See [it]({link})."), &[link]);
        check(&format!("See {link}, and {link}!"), &[link, link]);
        let problems = lint(link, 0, None);
        assert_eq!(problems[0].help, format!("write {clean}"));
        check(clean, &[]);
    }
}

#[test]
fn a_link_whose_parameters_find_something_is_left_alone() {
    for link in [
        "https://example.org/?page=2",
        "https://example.org/?q=utm_source",
        "https://example.org/utm_source",
        "https://example.org/?s=20&t=1",
        "https://example.org/?si=x",
        "https://example.org/#utm_source=x",
        "https://example.org/?",
        "https://example.org/??",
        "utm_source=mail",
        "fbclid",
    ] {
        check(link, &[]);
    }
}

#[test]
fn what_stands_around_a_link_is_not_a_part_of_it() {
    let link = "https://example.org/?fbclid=x";
    for around in [
        "({})",
        "<{}>",
        "\"{}\"",
        "{}.",
        "{}, ",
        "{}?!",
        "**{}**",
        "_{}_",
        "[{}](x)",
        "[a]({})",
        "[a]({} \"t\")",
        "`{}`",
        "{}\nnext",
        "| {} | b |",
        "~~{}~~",
        "> {}",
        "“{} ”",
        "- {};",
    ] {
        check(&around.replace("{}", link), &[link]);
    }
    check("https://example.org/a_(b)?fbclid=(x)", &["https://example.org/a_(b)?fbclid=(x)"]);
    check("(https://example.org/a_(b)?fbclid=(x))", &["https://example.org/a_(b)?fbclid=(x)"]);
}

#[test]
fn a_weekday_that_is_not_that_dates_is_worth_a_look() {
    for date in [
        "Monday, July 10th",
        "Monday, July 10",
        "Monday July 10",
        "Mon July 10",
        "Mon. July 10",
        "Mon., Jul. 10",
        "Mon Jul 10",
        "MONDAY, JULY 10",
        "monday, July 10",
        "Monday the 10th of July",
        "Monday, 10 July",
        "Monday 10th July",
        "Monday,\nJuly 10",
        "Wednesday, July 10, 2018",
        "Wednesday, July 10 2018",
        "Wednesday, 10 July 2018",
        "Tuesday, July 10, 2019",
        "Tues July 11",
        "Thurs July 11",
        "Weds July 10",
        "Sunday, February 30",
        "Friday, June 31, 2018",
        "Sat, July 10, 2029",
        "Tuesday, January 9, 2019",
    ] {
        check(date, &[date]);
        check(&format!("On {date}, at nine"), &[date]);
        check(&format!("**{date}** at nine"), &[date]);
        check(&format!("Größe ({date})"), &[date]);
    }
}

#[test]
fn a_weekday_that_is_that_dates_is_left_alone() {
    for date in [
        "Tuesday, July 10th",
        "Tuesday, July 10, 2018",
        "Tues July 10",
        "Tue July 10",
        "Tue, 10 July 2018",
        "Tuesday the 10th of July",
        "Wednesday, July 11",
        "Saturday, July 7",
        "Wednesday, July 10, 2019",
        "Tuesday, July 10, 2001",
        "Tuesday, July 10, 2007",
        "Tuesday, July 10, 2012",
        "Tuesday, July 10, 2029",
        "Tuesday, July 10, 2035",
        "Tuesday, July 10, 2040",
        "Thursday, February 29, 2024",
        "Tuesday",
        "July 9",
        "Tuesday at July 9",
        "Sun may 5 times",
        "the sun March 5",
        "Monday morning, July 10",
        "Friday-Sunday, July 13-15",
        "Friday – Sunday, July 13–15",
        "Friday through Sunday, July 13-15",
        "Friday and Saturday, July 13 and 14",
        "Tuesday, July 100",
        "Tuesday, July 10 1900 hrs",
        "Solmonday, July 10",
        "",
    ] {
        check(date, &[]);
        check(&format!("Come on {date}; bring water"), &[]);
    }
}

#[test]
fn a_date_without_a_year_is_held_against_the_year_of_the_event() {
    let text = "Tuesday, July 10th";
    for year in 1990..2060 {
        let starts = format!("{year}-07-10");
        let fits = [1990, 2001, 2007, 2012, 2018, 2029, 2035, 2040, 2046, 2057].contains(&year);
        let problems = lint(text, 0, starts.parse().ok());
        assert_eq!(problems.is_empty(), fits, "in {year}: {problems:?}");
    }
}

#[test]
fn a_date_without_a_year_and_without_an_event_is_left_alone() {
    check_lines("Monday, July 10th", "", "");
}

#[test]
fn a_date_across_new_year_is_held_against_the_nearer_year() {
    check_lines("Saturday, January 5", "2018-12-20", "");
    check_lines("Thursday, December 20", "2019-01-05", "");
    check_lines(
        "Tuesday, July 10",
        "2019-07-10",
        "n.md:1:1: warning: July 10, 2019 is a Wednesday, write Wednesday, or July 9, which is a Tuesday",
    );
}

#[test]
fn a_warning_says_what_would_be_right() {
    check_lines(
        "Come on Monday, July 10th!\nhttps://example.org/a?utm_source=x\njane.doe@example.org, https://bit.ly/x\n",
        "2018-07-10",
        "n.md:1:9: warning: July 10, 2018 is a Tuesday, write Tuesday, or July 9, which is a Monday\n\
         n.md:2:1: warning: `utm_source` in this link tells others where your readers come from, \
         write https://example.org/a\n\
         n.md:3:1: warning: this address looks like a person's name, write an address that the group answers, \
         such as press@ or info@, if this is a person's\n\
         n.md:3:23: warning: bit.ly hides where the link leads and counts who follows it, \
         write the address that it leads to",
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_text_whatever_stops_the_lint(source in "\\PC{0,80}", offset in 0_usize..200, days in 0_i64..40_000) {
        let starts = NaiveDate::from_ymd_opt(1970, 1, 1).unwrap() + chrono::TimeDelta::days(days);
        for problem in lint(&source, offset, Some(starts)) {
            prop_assert!(source.get(problem.span).is_some());
        }
    }

    #[test]
    fn no_text_made_of_suspicious_pieces_stops_the_lint(
        pieces in proptest::collection::vec(
            proptest::sample::select(vec![
                "https://", "bit.ly", "/", "x", "?", "&", "&amp;", "utm_a=", "fbclid", "#", "@", "gmail.com", ".",
                "+1", "212", "-", "555", "0100", " ", "(", ")", "Tuesday", ",", "July", "10", "th", "2018", "\n",
                "é", "日", "\u{a0}", "[", "]", "jane", "Feb 30", "0", "9999", "mailto:", "00", "\u{2011}",
            ]),
            0..24,
        ),
    ) {
        let source = pieces.concat();
        for problem in lint(&source, 3, NaiveDate::from_ymd_opt(2018, 7, 10)) {
            prop_assert!(source.get(problem.span.clone()).is_some_and(|piece| !piece.is_empty()));
            prop_assert!(!problem.message.is_empty());
        }
    }
}
