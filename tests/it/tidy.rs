//! Tidy: what holds for every file of `src/`, and what the README has to name.
//!
//! A rule is a function from files to what breaks it, a line each: where, what, and what to do. Each is held to
//! a file that breaks it, and then to the files as they are.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use clap::CommandFactory as _;
use handbill::command::Cli;
use handbill::notice::ACCESS_FIELDS;
use regex::Regex;

/// The modules in the order of `src/lib.rs`, and what each may import.
///
/// A new arrow is a decision: it goes here with the commit that says why. Before it does, ask whether the type
/// or the function belongs further up instead.
const PURE: &[(&str, &[&str])] = &[
    ("problem", &[]),
    ("fields", &["problem", "schedule"]),
    ("schedule", &["fields"]),
    ("notice", &["problem", "fields", "schedule"]),
    ("revision", &["schedule", "notice"]),
    ("config", &["problem", "fields", "schedule", "notice"]),
    ("edition", &["schedule", "notice"]),
    ("plan", &["schedule", "notice", "revision", "config", "edition"]),
    ("delivery", &["schedule", "notice", "revision", "edition"]),
    ("subscriber", &[]),
    ("roster", &["subscriber"]),
    ("returned", &["config", "subscriber"]),
    ("websub", &["delivery"]),
    ("signing", &[]),
    ("render", &["signing", "problem", "fields", "schedule", "notice", "revision", "config", "edition"]),
];
const IO: &[(&str, &[&str])] = &[
    ("clock", &[]),
    ("durable", &[]),
    ("folder", &["problem", "fields", "notice", "revision", "plan"]),
    (
        "ledger",
        &[
            "schedule",
            "notice",
            "revision",
            "edition",
            "plan",
            "delivery",
            "subscriber",
            "returned",
            "websub",
            "durable",
            "clock",
        ],
    ),
    ("channel", &["notice", "delivery", "render", "durable"]),
    (
        "installation",
        &[
            "problem",
            "notice",
            "revision",
            "config",
            "subscriber",
            "signing",
            "render",
            "durable",
            "folder",
            "ledger",
        ],
    ),
    (
        "publish",
        &[
            "notice",
            "revision",
            "plan",
            "signing",
            "render",
            "clock",
            "folder",
            "ledger",
            "channel",
            "installation",
        ],
    ),
    (
        "deliver",
        &[
            "schedule",
            "notice",
            "revision",
            "config",
            "edition",
            "delivery",
            "subscriber",
            "returned",
            "websub",
            "render",
            "clock",
            "ledger",
            "channel",
            "installation",
        ],
    ),
    ("mailbox", &["config", "edition", "subscriber", "returned", "clock", "ledger"]),
    (
        "web",
        &[
            "schedule",
            "notice",
            "revision",
            "config",
            "subscriber",
            "websub",
            "render",
            "clock",
            "folder",
            "ledger",
            "channel",
            "installation",
            "deliver",
        ],
    ),
    (
        "serve",
        &[
            "config",
            "subscriber",
            "returned",
            "render",
            "clock",
            "ledger",
            "channel",
            "installation",
            "publish",
            "deliver",
            "mailbox",
            "web",
        ],
    ),
    (
        "command",
        &[
            "problem",
            "fields",
            "schedule",
            "notice",
            "revision",
            "config",
            "edition",
            "plan",
            "subscriber",
            "roster",
            "returned",
            "signing",
            "render",
            "clock",
            "durable",
            "folder",
            "ledger",
            "channel",
            "installation",
            "publish",
            "deliver",
            "mailbox",
            "serve",
        ],
    ),
];

/// Arrows that point down the list of modules.
const DOWNWARDS: &[(&str, &str)] = &[
    // A wall time is read from a TOML document in a zone; a misspelt zone is answered with `fields::nearest`.
    ("fields", "schedule"),
];

/// What a pure file does not say: the names by which a clock, a file, a socket, a database, the environment,
/// randomness or the terminal are reached.
const IMPURE: &[&str] = &[
    "fs::",
    "net::",
    "env::",
    "process::",
    "thread::",
    "tokio::",
    "reqwest::",
    "sqlx::",
    "getrandom::",
    "SystemTime",
    "Instant::now",
    "Utc::now",
    "Local::now",
    "Timestamp::now",
    "print!",
    "println!",
    "eprintln!",
];

/// Where a file that calls itself pure is not; its header says so with "but for".
const BUT_FOR: &[(&str, &str)] = &[
    ("config.rs", "net::"),                    // the types of addresses
    ("schedule/zone.rs", "fs::"),              // the system's zone data, read once
    ("render/templates.rs", "fs::"),           // the operator's templates, read at the start
    ("channel/target/guard.rs", "net::"),      // the types of addresses
    ("channel/target/guard.rs", "reqwest::"),  // the resolver, as the client asks for one
    ("channel/target/guard.rs", "tokio::"),    // the look-up of a name in it
    ("channel/target/sign.rs", "getrandom::"), // a new secret
];

/// Statements by their keywords; no sentence for people is in capitals.
const SQL: &str = r"\b(SELECT|INSERT INTO|UPDATE|DELETE FROM|CREATE TABLE|CREATE INDEX|ON CONFLICT|PRAGMA)\b";

/// Paths and addresses of one machine.
const ELSEWHERE: &[&str] = &["/home/", "/root/", "/Users/", "/tmp/", "localhost:5432"];

const MOST_LINES: usize = 800;

/// A file, its path below `src/`, taken apart.
struct Source {
    path: String,
    text: String,
    lines: Vec<Line>,
}

/// A line of a file taken apart, from 1.
#[derive(Debug, Default, Clone, PartialEq)]
struct Line {
    code: String,
    strings: Vec<String>,
}

#[test]
fn modules_stand_in_lib_in_the_order_of_the_table() {
    let lib = read("src/lib.rs");
    let found: Vec<&str> = lib
        .lines()
        .filter_map(|line| line.strip_prefix("pub mod ")?.split_once(';'))
        .map(|(name, _)| name)
        .collect();
    let expected: Vec<&str> = modules().map(|(name, _)| *name).collect();
    assert_eq!(found, expected, "make the tables in tests/it/tidy.rs and src/lib.rs agree");
    let (pure, io) = lib.split_once("// I/O.").unwrap();
    assert!(pure.contains(PURE.last().unwrap().0) && io.contains(&format!("pub mod {}", IO[0].0)));
}

#[test]
fn a_pure_module_imports_no_module_that_reads_or_writes() {
    let io: BTreeSet<&str> = IO.iter().map(|(name, _)| *name).collect();
    for (module, imports) in PURE {
        let wrong: Vec<&&str> = imports.iter().filter(|import| io.contains(**import)).collect();
        assert!(wrong.is_empty(), "the table lets the pure module {module} import {wrong:?}");
    }
}

#[test]
fn arrows_point_to_modules_that_stand_above() {
    let order: BTreeMap<&str, usize> = modules().enumerate().map(|(at, (name, _))| (*name, at)).collect();
    let down: Vec<(&str, &str)> = modules()
        .flat_map(|(from, imports)| imports.iter().map(move |to| (*from, *to)))
        .filter(|(from, to)| order[to] >= order[from])
        .collect();
    assert_eq!(down, DOWNWARDS, "the program is read from top to bottom");
}

#[test]
fn a_module_imports_what_the_table_says_and_nothing_else() {
    check(arrows, "plan.rs", "use crate::ledger::Ledger;", &["src/plan.rs:1: plan may not import ledger"]);
    check(arrows, "plan.rs", "// crate::ledger\nlet text = \"crate::ledger\";", &[]);
    check(arrows, "plan.rs", "use crate::{edition, ledger};", &["src/plan.rs:1: a group of modules"]);
    check(arrows, "other.rs", "use crate::plan;", &["src/other.rs:1: the module other is not in the table"]);
    holds(arrows);
}

#[test]
fn every_arrow_of_the_table_is_used() {
    let used: BTreeSet<(String, String)> =
        sources().iter().flat_map(imports).map(|(_, from, to)| (from, to)).collect();
    let unused: Vec<(&str, &str)> = modules()
        .flat_map(|(from, imports)| imports.iter().map(move |to| (*from, *to)))
        .filter(|(from, to)| !used.contains(&((*from).to_owned(), (*to).to_owned())))
        .collect();
    assert!(unused.is_empty(), "no code uses these arrows, take them out of tests/it/tidy.rs: {unused:?}");
}

#[test]
fn pure_files_reach_for_nothing_outside() {
    let pure = "//! Plan: what is due.\n//!\n//! Pure.\n";
    let bad = format!("{pure}let now = Utc::now(); // as Utc::now\n");
    check(purity, "web/coding.rs", &bad, &["src/web/coding.rs:4: `Utc::now` in a pure file"]);
    check(purity, "plan.rs", "println!(\"x\");", &["src/plan.rs:1: `println!` in a pure file"]);
    check(purity, "publish.rs", "let now = Instant::now();", &[]);
    holds(purity);
    let said = |(path, word): &&(&str, &str)| {
        let source = sources().iter().find(|source| source.path == *path).unwrap();
        let head = source.text.lines().nth(2).unwrap_or_default();
        assert!(head.contains("but for"), "src/{path} does not say what it is not pure in");
        source.lines.iter().any(|line| says(&line.code, word))
    };
    let unneeded: Vec<_> = BUT_FOR.iter().filter(|exception| !said(exception)).collect();
    assert!(unneeded.is_empty(), "these exceptions are needed no more: {unneeded:?}");
}

#[test]
fn sql_stands_in_the_ledger_alone() {
    let sql = "sqlx::query(\n    \"SELECT id\n     FROM edition\")";
    check(no_sql, "plan.rs", sql, &["src/plan.rs:2: SQL outside src/ledger/"]);
    check(no_sql, "ledger/looking.rs", sql, &[]);
    check(no_sql, "plan.rs", "let text = \"Select a list\"; // SELECT", &[]);
    holds(no_sql);
}

#[test]
fn every_file_says_what_it_is() {
    check(headed, "plan.rs", "//! plan\n", &["src/plan.rs:1: the file does not begin with `//! Noun: …`"]);
    check(
        headed,
        "plan.rs",
        "//! Plan: what is due.\n\nuse std::fmt;\n",
        &["src/plan.rs:3: a file of a pure module does not go on with `//! Pure`"],
    );
    check(headed, "plan.rs", "//! Plan: what is due.\n//!\n//! Pure. It is the heart.\n", &[]);
    check(headed, "publish.rs", "//! Publish: loop 1.\n", &[]);
    holds(headed);
}

#[test]
fn no_file_is_longer_than_a_person_reads() {
    let long = "\n".repeat(MOST_LINES + 1);
    check(short, "plan.rs", &long, &["src/plan.rs:801: the file has 801 lines, 800 are the most"]);
    holds(short);
}

#[test]
fn no_file_names_a_place_of_one_machine() {
    let bad = "// as in /home/somebody\n";
    check(of_everywhere, "plan.rs", bad, &["src/plan.rs:1: `/home/` is of one machine"]);
    holds(of_everywhere);
    for folder in ["templates", "seeds", "notices"] {
        let files = files_below(folder);
        assert!(!files.is_empty());
        for (path, text) in files {
            let named: Vec<&&str> = ELSEWHERE.iter().filter(|word| text.contains(**word)).collect();
            assert!(named.is_empty(), "{folder}/{path} names {named:?}, which is of one machine");
        }
    }
}

#[test]
fn the_readme_names_every_command_and_option() {
    let readme = read("README.md");
    let commands = section(&readme, "Commands");
    let mut missing = Vec::new();
    for command in Cli::command().get_subcommands() {
        let name = format!("handbill {}", command.get_name());
        let rows: Vec<&str> = commands.lines().filter(|row| row.starts_with(&format!("| `{name}"))).collect();
        if rows.is_empty() {
            missing.push(name.clone());
        }
        let nested = command.get_subcommands().flat_map(|nested| nested.get_arguments());
        for long in command.get_arguments().chain(nested).filter_map(|argument| argument.get_long()) {
            if !matches!(long, "help" | "version" | "log" | "root")
                && !rows.iter().any(|row| row.contains(&format!("--{long}")))
            {
                missing.push(format!("{name} --{long}"));
            }
        }
    }
    assert!(missing.is_empty(), "README.md, \"Commands\", does not name {missing:?}");
}

#[test]
fn the_readme_names_every_key_of_a_notice() {
    let mut keys = keys_of("src/notice/parse.rs");
    keys.extend(keys_of("src/notice/parse/event.rs"));
    assert!(keys.contains("kind") && keys.contains("rel") && keys.contains("know_your_rights"));
    keys.extend(ACCESS_FIELDS.iter().map(|key| (*key).to_owned()));
    assert_eq!(unnamed(&keys, "What a notice holds"), Vec::<String>::new());
}

#[test]
fn the_readme_names_every_key_of_the_config() {
    let mut keys = keys_of("src/config.rs");
    keys.extend(keys_of("src/config/mail.rs"));
    keys.extend(keys_of("src/config/websub.rs"));
    assert!(keys.contains("title") && keys.contains("per_minute") && keys.contains("key_file"));
    assert_eq!(unnamed(&keys, "handbill.toml"), Vec::<String>::new());
}

#[test]
fn the_readme_invents_no_key() {
    let known: BTreeSet<String> = [
        "src/notice/parse.rs",
        "src/notice/parse/event.rs",
        "src/config.rs",
        "src/config/mail.rs",
        "src/config/websub.rs",
    ]
    .into_iter()
    .flat_map(keys_of)
    .collect();
    let access: BTreeSet<&str> = ACCESS_FIELDS.into_iter().collect();
    let readme = read("README.md");
    for heading in ["What a notice holds", "handbill.toml"] {
        let rows = section(&readme, heading).lines().filter_map(|line| line.strip_prefix("| `"));
        for key in rows.filter_map(|row| row.split('`').next()) {
            assert!(known.contains(key) || access.contains(key), "{heading}: nothing reads the key `{key}`");
        }
    }
}

fn check(rule: fn(&Source) -> Vec<String>, path: &str, text: &str, expected: &[&str]) {
    let found = rule(&Source::new(path.to_owned(), text.to_owned()));
    assert_eq!(found.len(), expected.len(), "{found:?}");
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.starts_with(expected), "{found}");
    }
}

fn holds(rule: fn(&Source) -> Vec<String>) {
    let broken: Vec<String> = sources().iter().flat_map(rule).collect();
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

fn arrows(source: &Source) -> Vec<String> {
    let allowed: BTreeMap<&str, &[&str]> = modules().map(|(name, imports)| (*name, *imports)).collect();
    let mut broken = Vec::new();
    for (number, from, to) in imports(source) {
        let place = format!("src/{}:{number}", source.path);
        match allowed.get(from.as_str()) {
            None => broken.push(format!(
                "{place}: the module {from} is not in the table: add it in tests/it/tidy.rs where src/lib.rs has it"
            )),
            Some(_) if to.is_empty() => {
                broken.push(format!("{place}: a group of modules after `crate::`: write one `use` a module"));
            }
            Some(imports) if !imports.contains(&to.as_str()) => broken.push(format!(
                "{place}: {from} may not import {to}: move what is needed to where both may look, or add the \
                 arrow in tests/it/tidy.rs and say why in the commit"
            )),
            Some(_) => {}
        }
    }
    broken
}

// Line, module and imported module; an empty one where a group of modules is imported. `main.rs` is the binary
// and reaches the library by its name; `lib.rs` only lists.
fn imports(source: &Source) -> Vec<(usize, String, String)> {
    static IMPORT: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\bcrate::(\w*)").unwrap());
    let from = module_of(&source.path);
    let mut found = Vec::new();
    for (number, line) in (1..).zip(&source.lines) {
        let named = IMPORT.captures_iter(&line.code).map(|import| import[1].to_owned());
        found.extend(named.filter(|to| *to != from).map(|to| (number, from.to_owned(), to)));
    }
    found
}

fn purity(source: &Source) -> Vec<String> {
    if !is_of_pure_module(&source.path) && !calls_itself_pure(&source.text) {
        return Vec::new();
    }
    let mut broken = Vec::new();
    for (number, line) in (1..).zip(&source.lines) {
        for word in IMPURE.iter().filter(|word| says(&line.code, word)) {
            if !BUT_FOR.contains(&(source.path.as_str(), *word)) {
                broken.push(format!(
                    "src/{}:{number}: `{word}` in a pure file: let the caller read it and pass it as a parameter",
                    source.path
                ));
            }
        }
    }
    broken
}

// Whether the word begins a name or a part of a path.
fn says(code: &str, word: &str) -> bool {
    let begins_a_word = |at: usize| !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
    code.match_indices(word).any(|(at, _)| begins_a_word(at))
}

fn no_sql(source: &Source) -> Vec<String> {
    static STATEMENT: LazyLock<Regex> = LazyLock::new(|| Regex::new(SQL).unwrap());
    if source.path.starts_with("ledger/") {
        return Vec::new();
    }
    (1_usize..)
        .zip(&source.lines)
        .filter(|(_, line)| line.strings.iter().any(|text| STATEMENT.is_match(text)))
        .map(|(number, _)| {
            format!("src/{}:{number}: SQL outside src/ledger/: make it a method of the ledger", source.path)
        })
        .collect()
}

fn headed(source: &Source) -> Vec<String> {
    static HEAD: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"^//! [A-Z][\w. -]*: \S").unwrap());
    if matches!(source.path.as_str(), "lib.rs" | "main.rs") {
        return Vec::new();
    }
    let place = format!("src/{}", source.path);
    if !HEAD.is_match(&source.text) {
        return vec![format!("{place}:1: the file does not begin with `//! Noun: …`, which says what it is")];
    }
    if is_of_pure_module(&source.path) && !calls_itself_pure(&source.text) {
        return vec![format!("{place}:3: a file of a pure module does not go on with `//! Pure`")];
    }
    Vec::new()
}

fn short(source: &Source) -> Vec<String> {
    let count = source.text.lines().count();
    if count <= MOST_LINES {
        return Vec::new();
    }
    vec![format!(
        "src/{}:{count}: the file has {count} lines, {MOST_LINES} are the most: two things are in it",
        source.path
    )]
}

fn of_everywhere(source: &Source) -> Vec<String> {
    let lines = (1..).zip(source.text.lines());
    lines
        .flat_map(|(number, line)| {
            let named = ELSEWHERE.iter().filter(|word| line.contains(**word));
            named.map(move |word| format!("src/{}:{number}: `{word}` is of one machine", source.path))
        })
        .collect()
}

fn modules() -> impl Iterator<Item = &'static (&'static str, &'static [&'static str])> {
    PURE.iter().chain(IO)
}

fn module_of(path: &str) -> &str {
    let top = path.split('/').next().unwrap_or(path);
    top.strip_suffix(".rs").unwrap_or(top)
}

fn is_of_pure_module(path: &str) -> bool {
    PURE.iter().any(|(name, _)| *name == module_of(path))
}

fn calls_itself_pure(text: &str) -> bool {
    text.lines().nth(2).is_some_and(|line| line.starts_with("//! Pure"))
}

// The keys that a parser asks for: the first text of `fields.line("title")`, `read_url(&table, "url")` and others.
fn keys_of(path: &str) -> BTreeSet<String> {
    static ASKED: LazyLock<Regex> = LazyLock::new(|| {
        let asks =
            "line|required_line|required|text|lines|flag|integer|numbers|one_of|moment|table|tables|has";
        Regex::new(&format!(r#"\b(?:{asks}|read_\w+)\(\s*(?:&?\w+,\s*)?"([a-z0-9_]+)""#)).unwrap()
    });
    let text = read(path);
    ASKED.captures_iter(&text).map(|asked| asked[1].to_owned()).collect()
}

fn unnamed(keys: &BTreeSet<String>, heading: &str) -> Vec<String> {
    let readme = read("README.md");
    let section = section(&readme, heading);
    let is_named = |key: &&String| {
        [format!("`{key}`"), format!("[{key}]"), format!(".{key}]")].iter().any(|form| section.contains(form))
    };
    keys.iter().filter(|key| !is_named(key)).cloned().collect()
}

// What stands under a heading of the second level, until the next.
fn section<'t>(text: &'t str, heading: &str) -> &'t str {
    let from =
        text.find(&format!("\n## {heading}\n")).unwrap_or_else(|| panic!("README.md has no {heading}"));
    let rest = &text[from + 4..];
    rest.find("\n## ").map_or(rest, |end| &rest[..end])
}

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

fn sources() -> &'static [Source] {
    static SOURCES: LazyLock<Vec<Source>> = LazyLock::new(|| {
        files_below("src").into_iter().map(|(path, text)| Source::new(path, text)).collect()
    });
    assert!(SOURCES.iter().any(|source| source.path == "ledger/mod.rs"));
    &SOURCES
}

impl Source {
    fn new(path: String, text: String) -> Self {
        let lines = lines(&text);
        Self { path, text, lines }
    }
}

// Path below the folder, and text.
fn files_below(folder: &str) -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let (mut folders, mut found) = (vec![root.clone()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            // Pictures are not text.
            let Ok(text) = fs::read_to_string(&path) else { continue };
            let path = path.strip_prefix(&root).unwrap().to_str().unwrap().replace('\\', "/");
            found.push((path, text));
        }
    }
    found.sort();
    found
}

#[test]
fn code_strings_and_comments_are_told_apart() {
    let text =
        "let a = \"b // \\\" c\"; // d\nlet e: &'static str = r#\"f\" g\"#; /* h\n i */ let j = '\"';\n'\\''";
    let line = |code: &str, strings: &[&str]| Line {
        code: code.to_owned(),
        strings: strings.iter().map(|text| (*text).to_owned()).collect(),
    };
    let expected = [
        line("let a = \"\"; ", &["b // \\\" c"]),
        line("let e: &'static str = \"\"; ", &["f\" g"]),
        line(" let j = ' ';", &[]),
        line("' '", &[]),
    ];
    assert_eq!(lines(text), expected);
    // A string over two lines stands where its first word does.
    assert_eq!(lines("a(\n\"SELECT\n b\")")[1].strings, ["SELECT\n b"]);
}

// Each line's code with strings and characters emptied and comments left out, and the strings that begin in it.
fn lines(text: &str) -> Vec<Line> {
    static TOKEN: LazyLock<Regex> = LazyLock::new(|| {
        let forms = [
            r"(?P<comment>//[^\n]*|/\*(?s:.*?)\*/)",
            r##"b?r#"(?P<raw1>(?s:.*?))"#"##,
            r###"b?r##"(?P<raw2>(?s:.*?))"##"###,
            r#"\bb?r"(?P<raw0>[^"]*)""#,
            r#""(?P<string>(?:[^"\\]|\\(?s:.))*)""#,
            r"(?P<char>'(?:[^'\\\n]|\\[^\n]+?)')",
        ];
        Regex::new(&forms.join("|")).unwrap()
    });
    let mut found = vec![Line::default()];
    let mut at = 0;
    let code = |found: &mut Vec<Line>, text: &str| {
        let mut parts = text.split('\n');
        found.last_mut().unwrap().code.push_str(parts.next().unwrap_or_default());
        found.extend(parts.map(|part| Line { code: part.to_owned(), strings: Vec::new() }));
    };
    for token in TOKEN.captures_iter(text) {
        let whole = token.get(0).unwrap();
        code(&mut found, &text[at..whole.start()]);
        at = whole.end();
        let string = ["raw1", "raw2", "raw0", "string"].iter().find_map(|name| token.name(name));
        match string {
            Some(string) => {
                let line = found.last_mut().unwrap();
                line.strings.push(string.as_str().to_owned());
                line.code.push_str("\"\"");
            }
            None if token.name("char").is_some() => found.last_mut().unwrap().code.push_str("' '"),
            None => {}
        }
        // Its further lines hold no code of their own.
        found.extend(whole.as_str().matches('\n').map(|_| Line::default()));
    }
    code(&mut found, &text[at..]);
    found
}
