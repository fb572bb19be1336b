//! Roster: what other systems export, row by row.

use std::io::Cursor;

use handbill::roster::{NoRoster, Roster};

/// Each row as `line: word address month lists lang`, or `line: what is wrong`.
#[track_caller]
fn check(file: &str, form: &str, expected: &[&str]) {
    let mut roster = Roster::new(Cursor::new(file)).unwrap();
    assert_eq!(roster.form().name(), form);
    let mut found = Vec::new();
    while let Some(row) = roster.next_row().unwrap() {
        found.push(match row.person {
            Ok(person) => format!(
                "{}: {:?} {} {} {} {}",
                row.line,
                person.word,
                person.address.as_str(),
                person.confirmed_month,
                person.lists.join("+"),
                person.lang
            )
            .trim_end()
            .to_owned(),
            Err(fault) => format!("{}: {fault}", row.line),
        });
    }
    assert_eq!(found, expected);
}

#[test]
fn our_own_csv_has_lists_language_and_the_day_of_consent() {
    check(
        "email,lists,lang,confirmed_at\njuniper@example.org,alerts weekly,en,2018-05-02T14:10:00Z\ncedar@example.org,,,\n",
        "Handbill",
        &["2: Subscribed juniper@example.org 2018-05 alerts+weekly en", "3: Subscribed cedar@example.org"],
    );
}

#[test]
fn an_export_of_listmonk_keeps_those_who_are_enabled() {
    check(
        "uuid,email,name,attributes,status,created_at,updated_at\n\
         6d0c,juniper@example.org,Somebody,\"{\"\"city\"\": \"\"Oz\"\"}\",enabled,2021-03-04 10:00:00 +0000 UTC,\n\
         6d0d,cedar@example.org,,{},blocklisted,2021-03-04,\n\
         6d0e,rowan@example.org,,{},disabled,2021-03-04,\n\
         6d0f,elder@example.org,,{},gone,2021-03-04,\n",
        "listmonk",
        &[
            "2: Subscribed juniper@example.org 2021-03",
            "3: Blocked cedar@example.org 2021-03",
            "4: Unconfirmed rowan@example.org 2021-03",
            "5: the status `gone` is not known, it is one of enabled, disabled, blocklisted",
        ],
    );
}

#[test]
fn the_files_of_a_mailchimp_audience_say_who_left_and_whose_mail_bounced() {
    check(
        "\"Email Address\",\"First Name\",MEMBER_RATING,OPTIN_TIME,OPTIN_IP,CONFIRM_TIME,CONFIRM_IP\n\
         juniper@example.org,A,2,\"2018-06-12 07:53:28\",203.0.113.9,\"2018-07-01 07:53:28\",203.0.113.9\n\
         cedar@example.org,B,2,\"2018-06-12 07:53:28\",,,\n",
        "Mailchimp",
        &["2: Subscribed juniper@example.org 2018-07", "3: Subscribed cedar@example.org 2018-06"],
    );
    check(
        "Email Address,OPTIN_TIME,UNSUB_TIME\nrowan@example.org,2018-06-12 07:53:28,2019-01-01 00:00:00\n",
        "Mailchimp",
        &["2: Left rowan@example.org 2018-06"],
    );
    check(
        "Email Address,OPTIN_TIME,CLEAN_TIME\nelder@example.org,2018-06-12 07:53:28,2019-01-01 00:00:00\n",
        "Mailchimp",
        &["2: Bounced elder@example.org 2018-06"],
    );
}

#[test]
fn an_export_of_keila_has_a_status() {
    check(
        "Email,First name,Last name,Data,Status,External ID\n\
         juniper@example.org,,,{},active,\ncedar@example.org,,,,unsubscribed,\nrowan@example.org,,,,unreachable,7\n",
        "Keila",
        &["2: Subscribed juniper@example.org", "3: Left cedar@example.org", "4: Bounced rowan@example.org"],
    );
}

#[test]
fn mailman_writes_one_address_a_line_with_or_without_a_name() {
    check(
        "juniper@example.org\nCedar Row <cedar@example.org>\nRow, Rowan <rowan@Example.ORG>\nnobody\n",
        "Mailman",
        &[
            "1: Subscribed juniper@example.org",
            "2: Subscribed cedar@example.org",
            "3: Subscribed rowan@example.org",
            "4: this is not a mail address, write one such as name@example.org",
        ],
    );
}

#[test]
fn a_spreadsheets_byte_order_mark_is_no_part_of_the_first_heading() {
    check("\u{feff}email\njuniper@example.org\n", "Handbill", &["2: Subscribed juniper@example.org"]);
}

#[test]
fn a_file_without_addresses_is_refused_with_its_columns() {
    let Err(no) = Roster::new(Cursor::new("name,phone\nA,B\n")) else { panic!("it was taken") };
    assert!(matches!(&no, NoRoster::Columns(columns) if columns == "name, phone"), "{no}");
}

#[test]
fn reading_goes_on_behind_any_row() {
    let file = "email,lists\n\"a@example.org\",\"x\ny\"\nb@example.org,z\r\nc@example.org,\n";
    let all = rows(&mut Roster::new(Cursor::new(file)).unwrap());
    for (at, row) in all.iter().enumerate() {
        let mut later = Roster::new(Cursor::new(file)).unwrap();
        later.go_on(row.end, row.next_line).unwrap();
        assert_eq!(rows(&mut later), all[at + 1..]);
    }
}

fn rows(roster: &mut Roster<Cursor<&str>>) -> Vec<handbill::roster::Row> {
    std::iter::from_fn(|| roster.next_row().unwrap()).collect()
}

#[test]
fn a_column_of_addresses_is_known_however_it_is_written() {
    for heading in ["E-Mail Address", "e-mail address", "E-mail", "e-mail", "EMAIL", "Email_Address"] {
        let file = format!("name,{heading},lists\nSomebody,juniper@example.org,weekly\n");
        let mut roster = Roster::new(Cursor::new(file)).unwrap();
        let person = roster.next_row().unwrap().unwrap().person.unwrap();
        assert_eq!(
            (person.address.as_str(), &person.lists[..]),
            ("juniper@example.org", &["weekly".to_owned()][..])
        );
    }
}

#[test]
fn semicolons_and_tabs_part_columns_and_anything_parts_lists() {
    let people = ["2: Subscribed juniper@example.org  alerts+weekly en", "3: Subscribed cedar@example.org"];
    check(
        "email;lists;lang\njuniper@example.org;alerts, weekly;en\ncedar@example.org;;\n",
        "Handbill",
        &people,
    );
    check(
        "email\tlists\tlang\njuniper@example.org\talerts | weekly\ten\ncedar@example.org\t\t\n",
        "Handbill",
        &people,
    );
    check(
        "email,lists,lang\njuniper@example.org,alerts;weekly,en\ncedar@example.org,,\n",
        "Handbill",
        &people,
    );
}

#[test]
fn a_file_in_utf_16_is_read_and_gone_on_with() {
    let names: String = (0..2000).map(|number| format!("\"🌿 {number}\",n{number}@example.org\n")).collect();
    let text = format!("\u{feff}name,email\n{names}");
    let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    for bytes in [little, big] {
        let mut roster = Roster::new(Cursor::new(&bytes)).unwrap();
        let mut ends = Vec::new();
        while let Some(row) = roster.next_row().unwrap() {
            assert_eq!(row.person.unwrap().address.as_str(), format!("n{}@example.org", ends.len()));
            ends.push((row.end, row.next_line));
        }
        assert_eq!(ends.len(), 2000);
        let (end, line) = ends[999];
        let mut roster = Roster::new(Cursor::new(&bytes)).unwrap();
        roster.go_on(end, line).unwrap();
        let row = roster.next_row().unwrap().unwrap();
        assert_eq!((row.line, row.person.unwrap().address.as_str()), (1002, "n1000@example.org"));
    }
}

#[test]
fn what_is_no_text_is_refused() {
    let no = Roster::new(Cursor::new(b"PK\x03\x04\x00\x00email")).err().unwrap();
    assert!(matches!(no, NoRoster::NotText), "{no}");
}
