//! Markdown: text in; HTML, plain text, references and problems out.

use std::collections::HashSet;
use std::path::Path;

use handbill::notice::markdown::{self, Body};
use handbill::problem::{Problem, Report};
use proptest::prelude::*;
use url::Url;

const BASE: &str = "https://site.example.org/";

fn render(source: &str) -> (Body, Vec<Problem>) {
    markdown::render(source, 0, &Url::parse(BASE).unwrap())
}

fn check_html(source: &str, expected: &str) {
    assert_eq!(render(source).0.html, expected, "of {source:?}");
}

fn check_text(source: &str, expected: &str) {
    assert_eq!(render(source).0.text, expected, "of {source:?}");
}

fn check_excerpt(source: &str, expected: &str) {
    assert_eq!(render(source).0.excerpt, expected, "of {source:?}");
}

// The address that a link gets; empty when the link is taken out.
fn check_link(written: &str, base: &str, expected: &str) {
    let (body, _) = markdown::render(&format!("[x](<{written}>)"), 0, &Url::parse(base).unwrap());
    let href = body.html.split("href=\"").nth(1).map_or("", |rest| rest.split('"').next().unwrap());
    assert_eq!(href.replace("&amp;", "&"), expected, "of {written:?} in {}", body.html);
}

fn check_problems(source: &str, expected: &str) {
    assert_eq!(Report::new("n.md", source, render(source).1).to_string(), expected);
}

fn check_golden(name: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/markdown");
    let source = std::fs::read_to_string(folder.join(format!("{name}.md"))).unwrap();
    let (body, problems) = render(&source);
    let problems = Report::new(format!("{name}.md"), &*source, problems).pretty(false);
    let page = Url::parse(BASE).unwrap().join("notices/x/").unwrap();
    for (suffix, actual) in [
        ("html", body.html.clone()),
        ("mail.html", markdown::for_mail(&body.html, &page)),
        ("txt", format!("{}\n\nExcerpt: {}", body.text, body.excerpt)),
        ("problems.txt", problems.trim_end().to_owned()),
    ] {
        let path = folder.join(format!("{name}.{suffix}"));
        if std::env::var_os("HANDBILL_BLESS").is_some() {
            std::fs::write(&path, format!("{actual}\n")).unwrap();
        }
        let expected = std::fs::read_to_string(&path).unwrap();
        assert_eq!(format!("{actual}\n"), expected, "differs from {}", path.display());
    }
}

#[test]
fn a_whole_notice_reads_well_as_html_and_as_text() {
    check_golden("notice");
}

#[test]
fn chinese_japanese_and_arabic_are_wrapped_where_they_may_be() {
    check_golden("languages");
}

#[test]
fn hostile_markdown_becomes_harmless() {
    check_golden("hostile");
}

#[test]
fn common_markdown_becomes_html() {
    for (source, html) in [
        ("", ""),
        ("Hello", "<p>Hello</p>"),
        ("a\nb", "<p>a\nb</p>"),
        ("a  \nb", "<p>a<br>\nb</p>"),
        ("a<br>b", "<p>a<br>\nb</p>"),
        ("*a* **b** ~~c~~ `d`", "<p><em>a</em> <strong>b</strong> <del>c</del> <code>d</code></p>"),
        ("- a\n- b", "<ul>\n<li>a</li>\n<li>b</li>\n</ul>"),
        ("3. a\n4. b", "<ol start=\"3\">\n<li>a</li>\n<li>b</li>\n</ol>"),
        ("> a", "<blockquote>\n<p>a</p>\n</blockquote>"),
        ("- [x] a\n- [ ] b", "<ul>\n<li>☑ a</li>\n<li>☐ b</li>\n</ul>"),
        ("***", "<hr>"),
        ("```rust\n<a>\n```", "<pre><code>&lt;a&gt;\n</code></pre>"),
        ("a &amp; b &lt; c", "<p>a &amp; b &lt; c</p>"),
        ("&#1;&#0;a\u{1}b", "<p>\u{FFFD}a b</p>"),
        ("\u{FEFF}# a", "<h2 id=\"a\">a</h2>"),
        ("a <!-- note --> b", "<p>a  b</p>"),
    ] {
        check_html(source, html);
    }
}

#[test]
fn headings_begin_below_the_title() {
    for (source, html) in [
        ("# a\n## b", "<h2 id=\"a\">a</h2>\n<h3 id=\"b\">b</h3>"),
        ("## a\n### b", "<h2 id=\"a\">a</h2>\n<h3 id=\"b\">b</h3>"),
        ("### a\n# b", "<h4 id=\"a\">a</h4>\n<h2 id=\"b\">b</h2>"),
        ("# a\n###### b", "<h2 id=\"a\">a</h2>\n<h6 id=\"b\">b</h6>"),
        ("###### a", "<h2 id=\"a\">a</h2>"),
        ("# a\n# a", "<h2 id=\"a\">a</h2>\n<h2 id=\"a-1\">a</h2>"),
        ("# What *we* ask!", "<h2 id=\"what-we-ask\">What <em>we</em> ask!</h2>"),
        (
            "> ## a\n\n- # b",
            "<blockquote>\n<h3 id=\"a\">a</h3>\n</blockquote>\n<ul>\n<li>\n<h2 id=\"b\">b</h2>\n</li>\n</ul>",
        ),
    ] {
        check_html(source, html);
    }
}

#[test]
fn every_link_is_absolute() {
    let site = "https://site.example.org";
    for (written, absolute) in [
        ("other-notice.md", "https://site.example.org/notices/other-notice/"),
        ("./other-notice.md", "https://site.example.org/notices/other-notice/"),
        ("other-notice.md#part", "https://site.example.org/notices/other-notice/#part"),
        ("./other-notice.md#part", "https://site.example.org/notices/other-notice/#part"),
        ("other-notice.md?x#part", "https://site.example.org/notices/other-notice/#part"),
        ("other notice.md", "https://site.example.org/notices/other%20notice/"),
        ("..md", "https://site.example.org/..md"),
        ("folder/other.md", "https://site.example.org/folder/other.md"),
        ("../other.md", "https://site.example.org/other.md"),
        ("/about", "https://site.example.org/about"),
        ("/about/../x", "https://site.example.org/x"),
        ("/", "https://site.example.org/"),
        ("media/x.pdf", "https://site.example.org/media/x.pdf"),
        ("?q=1", "https://site.example.org/?q=1"),
        ("/a:b", "https://site.example.org/a:b"),
        ("//example.net/x", "https://example.net/x"),
        ("\\\\\\\\example.net/x", "https://example.net/x"),
        ("https://example.net", "https://example.net"),
        ("https://example.net/a?b=c&d=e#f", "https://example.net/a?b=c&d=e#f"),
        ("HTTPS://Example.NET/A", "HTTPS://Example.NET/A"),
        ("https://example.net/a b", "https://example.net/a%20b"),
        ("https://example.net/é", "https://example.net/%C3%A9"),
        ("mailto:press@example.org", "mailto:press@example.org"),
        ("tel:+12125550100", "tel:+12125550100"),
        ("geo:40.7,-73.9", "geo:40.7,-73.9"),
        ("#part", "#part"),
        ("javascript:alert(1)", ""),
        (" javascript:alert(1)", ""),
        ("JAVASCRIPT:alert(1)", ""),
        ("java\tscript:alert(1)", ""),
        ("java&#1;script:alert(1)", ""),
        ("java&#xFFFE;script:alert(1)", "https://site.example.org/java%EF%BF%BEscript:alert(1)"),
        ("&#106;avascript:alert(1)", ""),
        ("data:text/html,x", ""),
        ("vbscript:x", ""),
        ("file:///etc/passwd", ""),
        ("blob:https://example.org/x", ""),
        ("about:blank", ""),
        ("https://", ""),
        ("http://[", ""),
        ("", ""),
    ] {
        check_link(written, site, absolute);
    }
}

#[test]
fn a_site_may_lie_below_a_folder_of_its_host() {
    for base in ["https://example.org/dispatches", "https://example.org/dispatches/"] {
        check_link("a.md#b", base, "https://example.org/dispatches/notices/a/#b");
        check_link("/about", base, "https://example.org/dispatches/about");
        check_link("media/x.pdf", base, "https://example.org/dispatches/media/x.pdf");
        check_link("https://example.org/x", base, "https://example.org/x");
    }
}

#[test]
fn a_link_keeps_who_reads_to_itself() {
    check_html(
        "[a](https://example.org \"t\")",
        "<p><a href=\"https://example.org\" title=\"t\" rel=\"noopener noreferrer\">a</a></p>",
    );
}

#[test]
fn bare_addresses_are_links() {
    check_html(
        "https://example.org/a. www.example.org me@example.org",
        "<p><a href=\"https://example.org/a\" rel=\"noopener noreferrer\">https://example.org/a</a>. \
         <a href=\"http://www.example.org\" rel=\"noopener noreferrer\">www.example.org</a> \
         <a href=\"mailto:me@example.org\" rel=\"noopener noreferrer\">me@example.org</a></p>",
    );
}

#[test]
fn the_notices_and_images_that_a_text_points_to_are_known_with_their_places() {
    let source = "# T\n\nSée [a](a.md) and\n> - [b *c*](./b.md#x \"t\"), ![a crowd](/media/x.jpg \"t\")\n\n\
                  [d][r] ![*two* dogs](https://site.example.org/media/y.jpg?v=2)\n\n[r]: d.md\n";
    let (body, problems) = markdown::render(source, 100, &Url::parse(BASE).unwrap());
    assert_eq!(problems, []);
    let at = |span: &std::ops::Range<usize>| source[span.start - 100..span.end - 100].to_owned();
    let notices: Vec<_> = body.notices.iter().map(|placed| (&*placed.value, at(&placed.span))).collect();
    assert_eq!(notices, [("a", "a.md".to_owned()), ("b", "./b.md#x".to_owned()), ("d", "[d][r]".to_owned())]);
    let images: Vec<_> = body
        .images
        .iter()
        .map(|placed| (&*placed.value.path, &*placed.value.alt, at(&placed.span)))
        .collect();
    assert_eq!(
        images,
        [
            ("media/x.jpg", "a crowd", "/media/x.jpg".to_owned()),
            ("media/y.jpg", "two dogs", "https://site.example.org/media/y.jpg?v=2".to_owned()),
        ]
    );
}

#[test]
fn problems_stand_where_they_are() {
    for (source, problems) in [
        (
            "Ünd\n\n[ä](javascript:x)",
            "n.md:3:5: error: a link cannot begin with `javascript:`, \
             write an address that begins with https: or mailto:",
        ),
        ("a [b]()", "n.md:1:3: error: the link has no address, write one between the round brackets"),
        (
            "a [b](http://[)",
            "n.md:1:7: error: `http://[` is not an address, write one such as https://example.org/page",
        ),
        (
            "a\n- ![](media/a.jpg)",
            "n.md:2:3: error: the image has no description, \
             say between the brackets what it shows: ![A crowd with banners](media/crowd.jpg)",
        ),
        (
            "![a](http://example.net/a.gif)",
            "n.md:1:6: error: the image does not lie on this site, \
             put it into media/ and write media/name.jpg: an image from elsewhere tells others who reads",
        ),
        (
            "![a](data:image/png;base64,AA==)",
            "n.md:1:6: error: the image does not lie on this site, \
             put it into media/ and write media/name.jpg: an image from elsewhere tells others who reads",
        ),
        (
            "a\n\n<div>\nb\n</div>\n",
            "n.md:3:1: warning: raw HTML is left out, \
             write Markdown: what stands between the tags is left out with them",
        ),
        (
            "é <b>c</b>",
            "n.md:1:3: warning: raw HTML is left out, write Markdown, or \\< for the sign itself\n\
             n.md:1:7: warning: raw HTML is left out, write Markdown, or \\< for the sign itself",
        ),
        ("<!-- a note\n\nof two paragraphs -->\n", ""),
        (
            "<!-- a --> b <!-- c -->\n",
            "n.md:1:1: warning: raw HTML is left out, \
             write Markdown: what stands between the tags is left out with them",
        ),
        ("a<br>b<br/>c<BR />d", ""),
        (
            "[r]: https://example.org/r\n[r] <b> [x](y:z)",
            "n.md:2:5: warning: raw HTML is left out, write Markdown, or \\< for the sign itself\n\
             n.md:2:13: error: a link cannot begin with `y:`, write an address that begins with https: or mailto:",
        ),
        (
            "é\u{8}b",
            "n.md:1:2: warning: the text holds the control character U+0008, remove it; feeds cannot carry it",
        ),
        (
            "# A b\n# C\n[x](#b) [y](#a-b)",
            "n.md:3:5: warning: no heading of this text has the anchor #b, the anchors are #a-b, #c",
        ),
        ("[x](#b)", "n.md:1:5: warning: no heading of this text has the anchor #b, the text has no headings"),
        (
            "[x](www.example.org/a)",
            "n.md:1:5: warning: this link leads to a page of this site, did you mean https://www.example.org/a?",
        ),
        (
            "[x](example.org)",
            "n.md:1:5: warning: this link leads to a page of this site, did you mean https://example.org?",
        ),
        ("[x](media/a.org.jpg) [y](a.pdf)", ""),
        (
            &(">".repeat(40) + " a"),
            "n.md:1:33: warning: quotes are nested deeper than 32 levels, the deeper ones are shown as one",
        ),
        (
            "a[^1]\n\n[^1]: b\n[^2]: c",
            "n.md:4:1: warning: nothing refers to this footnote: it is shown as a paragraph, \
             write its [^name] where it belongs",
        ),
        (
            "a\r\nb\r\n\r\n[c](x:y)",
            "n.md:4:5: error: a link cannot begin with `x:`, write an address that begins with https: or mailto:",
        ),
    ] {
        check_problems(source, problems);
    }
}

#[test]
fn a_refused_image_or_link_leaves_its_words() {
    check_html("a [b *c*](javascript:x) d", "<p>a b <em>c</em> d</p>");
    check_html("a ![b *c*](http://example.net/x.gif) d", "<p>a b <em>c</em> d</p>");
}

#[test]
fn footnotes_of_two_notices_do_not_collide() {
    let ids = |source: &str| {
        let html = render(source).0.html;
        html.split(" id=\"")
            .skip(1)
            .map(|rest| rest.split('"').next().unwrap().to_owned())
            .collect::<HashSet<_>>()
    };
    let (first, second) = (ids("a[^1] b[^1]\n\n[^1]: c"), ids("d[^1]\n\n[^1]: e"));
    assert_eq!((first.len(), second.len()), (3, 2));
    assert!(first.is_disjoint(&second), "{first:?} {second:?}");
}

#[test]
fn every_footnote_link_leads_to_something() {
    let html =
        render("a[^x] b[^y-z] c[^x] d[^É]\n\n- [^y-z]: two\n\n[^É]: three[^x]\n\n[^x]: one\n\n    more")
            .0
            .html;
    let pieces = |start: &str| {
        html.split(start).skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let ids = pieces(" id=\"");
    let links = pieces("href=\"#");
    assert_eq!(ids.len(), ids.iter().collect::<HashSet<_>>().len(), "{html}");
    assert_eq!(links.len(), 10, "{html}");
    assert!(links.iter().all(|link| ids.contains(link)), "{html}");
}

#[test]
fn a_mail_fetches_nothing() {
    let page = Url::parse("https://site.example.org/notices/n/?a&b").unwrap();
    let html = render("# H\n\n![say \"hi\" <b>](media/x.jpg \"t\") [p](#h) a[^1]\n\n`<img src=x> <a href=\"#x\">`\n\n[^1]: b").0.html;
    let mail = markdown::for_mail(&html, &page);
    assert!(!mail.contains("<img"), "{mail}");
    assert!(mail.contains("<h2>H</h2>"), "{mail}");
    assert!(
        mail.contains(
            "<p>[Image: say &quot;hi&quot; ] <a href=\"https://site.example.org/notices/n/?a&amp;b#h\""
        ),
        "{mail}"
    );
    assert!(mail.contains("<sup class=\"footnote-ref\"><a href=\"#fn-"), "{mail}");
    assert!(mail.contains("<code>&lt;img src=x&gt; &lt;a href=\"#x\"&gt;</code>"), "{mail}");
}

#[test]
fn a_feed_has_absolute_links_only() {
    let page = Url::parse("https://site.example.org/notices/n/").unwrap();
    let html = render("# H\n\n[p](#h) a[^1]\n\n`<a href=\"#x\">`\n\n[^1]: b").0.html;
    let feed = markdown::for_feed(&html, &page);
    assert!(!feed.contains("<a href=\"#"), "{feed}");
    assert_eq!(feed.matches("<a href=\"https://site.example.org/notices/n/#").count(), 3, "{feed}");
    assert!(feed.contains("<code>&lt;a href=\"#x\"&gt;</code>"), "{feed}");
}

#[test]
fn common_markdown_becomes_text() {
    for (source, text) in [
        ("", ""),
        ("Hello  *big*\nworld", "Hello big world"),
        ("a  \nb", "a\nb"),
        ("a<br>b", "a\nb"),
        ("<br>a<br><br>b<br>", "a\n\nb"),
        ("**a** b **c **d****", "*a* b *c d*"),
        ("**see https://example.org**", "see https://example.org"),
        ("~~a~~ `b  c`", "~~a~~ b c"),
        ("a\n\nb", "a\n\nb"),
        ("# A\n## B b\n### C\nd", "A\n=\n\nB b\n---\n\nC\n\nd"),
        ("# 集合", "集合\n===="),
        ("- a\n- b", "- a\n- b"),
        ("- a\n\n- b", "- a\n\n- b"),
        ("- a\n  - b\n    - c\n- d", "- a\n  - b\n    - c\n- d"),
        ("9. a\n1. b", " 9. a\n10. b"),
        ("1. a\n\n   b\n2. c", "1. a\n\n   b\n\n2. c"),
        ("- [x] a\n- [ ] b", "- [x] a\n- [ ] b"),
        ("-\n- a", "-\n- a"),
        ("> a\n>\n> b\n> > c", "> a\n>\n> b\n>\n> > c"),
        ("    a\n\n      b", "    a\n\n      b"),
        ("```\na  b\n```", "    a  b"),
        ("a\n\n---\n\nb", "a\n\n* * *\n\nb"),
        ("[a](https://example.org)", "a (https://example.org)"),
        ("[a](https://example.org \"t\")", "a (t, https://example.org)"),
        ("[https://example.org](https://example.org)", "https://example.org"),
        ("[example.org](https://example.org/)", "https://example.org/"),
        ("<https://example.org>", "https://example.org"),
        ("[](https://example.org)", "https://example.org"),
        ("<me@example.org>", "me@example.org"),
        ("[us](mailto:me@example.org)", "us (me@example.org)"),
        ("[+1 (212) 5550100](tel:+12125550100)", "+12125550100"),
        ("[a](b.md#c)", "a (https://site.example.org/notices/b/#c)"),
        ("# A\n[a](#a)", "A\n=\n\na"),
        ("![a crowd](media/x.jpg)", "[Image: a crowd]"),
        ("![a crowd](media/x.jpg \"by me\")", "[Image: a crowd, by me]"),
        ("[![a](media/x.jpg)](https://example.org)", "[Image: a] (https://example.org)"),
        (
            "a[^x]. b[^y] c[^x]\n\n[^y]: two\n\n    more\n[^x]: one",
            "a[1]. b[2] c[1]\n\n[1] one\n\n[2] two\n\n    more",
        ),
        ("| a | bb |\n|---|---:|\n| ccc | d |", "a    bb\n---  --\nccc   d"),
        ("| a | b |\n|:-:|---|\n| ccc | |", " a   b\n---  -\nccc"),
        ("a&#10;b &lt;c&gt;", "a b <c>"),
        ("a\u{a0}b", "a\u{a0}b"),
        ("a <b>c</b>", "a c"),
        ("[b](javascript:x)", "b"),
    ] {
        check_text(source, text);
    }
}

#[test]
fn lines_are_wrapped_at_72_columns() {
    let word = "abcdefg ".repeat(20);
    check_text(
        &word,
        &[["abcdefg"; 9].join(" "), ["abcdefg"; 9].join(" "), ["abcdefg"; 2].join(" ")].join("\n"),
    );
    let quoted = render(&format!("> - {word}")).0.text;
    assert!(quoted.lines().all(|line| line.len() <= 72), "{quoted}");
    assert!(quoted.lines().skip(1).all(|line| line.starts_with(">   abc")), "{quoted}");
    let cjk = render(&"集合場所。".repeat(40)).0.text;
    assert!(cjk.lines().all(|line| !line.starts_with('。') && line.chars().count() <= 36), "{cjk}");
    assert!(cjk.lines().rev().skip(1).all(|line| line.chars().count() >= 34), "{cjk}");
}

#[test]
fn an_address_is_never_broken() {
    let url = format!("https://example.org/{}", "地図-".repeat(40));
    let text = render(&format!("See <{url}> or [the map]({url}).")).0.text;
    assert_eq!(text, format!("See\n{url}\nor the map\n({url})."));
}

#[test]
fn a_table_too_wide_for_a_mail_has_a_line_for_each_cell() {
    let long = "word ".repeat(20);
    let text = render(&format!("| A | B | |\n|---|---|---|\n| x | {long} | z |\n| y | | |")).0.text;
    let wrapped = "B: word word word word word word word word word word word word word\n  word word word word word word word";
    assert_eq!(text, format!("A: x\n{wrapped}\nz\n\nA: y\nB:"));
}

#[test]
fn the_excerpt_is_the_first_paragraph_on_one_line() {
    for (source, excerpt) in [
        ("", ""),
        (
            "# Title\n\nFirst *line*\nof [text](https://example.org)[^1].  \nMore\n\nSecond\n\n[^1]: n",
            "First line of text. More",
        ),
        ("![alt](media/x.jpg)\n\nFirst", "First"),
        ("![alt](media/x.jpg) First", "First"),
        ("> - quoted", "quoted"),
        ("# Only a title", ""),
        ("<b>bold</b> `code`", "bold code"),
        ("On ~~Tuesday~~ Wednesday", "On Wednesday"),
    ] {
        check_excerpt(source, excerpt);
    }
    let long = format!("{}end", "word, ".repeat(60));
    check_excerpt(&long, &format!("{}word…", "word, ".repeat(45)));
    check_excerpt(&"x".repeat(300), &format!("{}…", "x".repeat(279)));
    check_excerpt(&"場".repeat(300), &format!("{}…", "場".repeat(279)));
    check_excerpt(&"x".repeat(280), &"x".repeat(280));
    let accented = format!("{}e\u{301}{}", "x".repeat(278), "x".repeat(20));
    check_excerpt(&accented, &format!("{}…", "x".repeat(278)));
}

#[test]
fn nesting_without_end_ends_nothing() {
    for deep in [
        ">".repeat(20_000) + "deep",
        "> ".repeat(5_000) + "deep",
        "- ".repeat(5_000) + "deep",
        "*".repeat(20_000) + "deep",
        "**a ".repeat(5_000) + "deep",
        "**a ".repeat(2_000) + "deep" + &" b**".repeat(2_000),
        "_a *b ".repeat(5_000) + "deep",
        "[".repeat(20_000) + "deep",
        "![".repeat(5_000) + "deep",
        "[a](".repeat(5_000) + "deep",
        "a`".repeat(10_000) + "deep",
        "<b>".repeat(5_000) + "deep",
        "| a ".repeat(2_000) + "\n" + &"|---".repeat(2_000) + "\ndeep",
        "[^1]".repeat(2_000) + "\n\n[^1]: deep",
        (0..500).map(|n| format!("> [^{n}]: a[^{}]\n", n + 1)).collect::<String>() + "deep",
        "1. ".repeat(3_000) + "deep",
    ] {
        let (body, _) = render(&deep);
        assert!(body.text.contains("deep"), "{}", &deep[..40.min(deep.len())]);
    }
}

// What must hold of every rendering.
fn check_sane(source: &str) -> Result<(), TestCaseError> {
    let (body, problems) = markdown::render(source, 7, &Url::parse(BASE).unwrap());
    for problem in &problems {
        prop_assert!(problem.span.start >= 7, "{problem:?}");
        let local = problem.span.start - 7..problem.span.end - 7;
        prop_assert!(source.get(local).is_some(), "{problem:?} in {source:?}");
    }
    for span in body.notices.iter().map(|notice| &notice.span) {
        prop_assert!(source.get(span.start - 7..span.end - 7).is_some());
    }
    prop_assert!(body.excerpt.chars().count() <= 280);
    for text in [&body.html, &body.text, &body.excerpt] {
        prop_assert!(matches!(markdown::xml_clean(text), std::borrow::Cow::Borrowed(_)), "{text:?}");
    }
    let page = Url::parse(BASE).unwrap();
    for html in [&body.html, &markdown::for_mail(&body.html, &page), &markdown::for_feed(&body.html, &page)] {
        check_tags(html)?;
    }
    prop_assert!(!markdown::for_mail(&body.html, &page).contains("<img"));
    prop_assert!(!markdown::for_feed(&body.html, &page).contains("href=\"#"));
    Ok(())
}

// A strict reader of our subset: balanced tags, known names, quoted attributes, absolute addresses.
fn check_tags(html: &str) -> Result<(), TestCaseError> {
    let known = [
        "a",
        "blockquote",
        "br",
        "code",
        "del",
        "em",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "hr",
        "img",
        "li",
        "ol",
        "p",
        "pre",
        "section",
        "strong",
        "sup",
        "table",
        "tbody",
        "td",
        "th",
        "thead",
        "tr",
        "ul",
    ];
    let attributes =
        ["href", "title", "id", "aria-label", "src", "alt", "start", "align", "scope", "class", "rel"];
    let mut open = Vec::new();
    let mut rest = html;
    while let Some(start) = rest.find(['<', '>']) {
        prop_assert!(rest[start..].starts_with('<'), "a stray > in {html}");
        let end = start + rest[start..].find('>').expect("a tag ends");
        let tag = &rest[start + 1..end];
        rest = &rest[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            prop_assert_eq!(open.pop(), Some(name), "in {}", html);
            continue;
        }
        let (name, mut written) = tag.split_once(' ').unwrap_or((tag, ""));
        prop_assert!(known.contains(&name), "<{name}> in {html}");
        if !["br", "hr", "img"].contains(&name) {
            open.push(name);
        }
        while !written.is_empty() {
            let (key, value) = written.split_once("=\"").expect("an attribute has a value");
            let (value, next) = value.split_once('"').expect("a value ends");
            written = next.trim_start();
            prop_assert!(attributes.contains(&key), "{key} in {html}");
            if key == "href" || key == "src" {
                let address = value.replace("&amp;", "&");
                let scheme = Url::parse(&address).map(|url| url.scheme().to_owned()).unwrap_or_default();
                let allowed = markdown::address::SCHEMES.contains(&&*scheme);
                prop_assert!(allowed || key == "href" && address.starts_with('#'), "{address} in {html}");
            }
        }
    }
    prop_assert_eq!(open, Vec::<&str>::new(), "in {}", html);
    Ok(())
}

fn markdown_like() -> impl Strategy<Value = String> {
    let pieces = vec![
        "a",
        "word",
        "é",
        "日本",
        "עברית",
        "👩‍🚀",
        "e\u{301}",
        " ",
        " ",
        "\n",
        "\n\n",
        "\r\n",
        "\t",
        "    ",
        "*",
        "**",
        "_",
        "~~",
        "`",
        "```\n",
        "# ",
        "### ",
        "> ",
        "- ",
        "1. ",
        "- [x] ",
        "---\n",
        "===\n",
        "|",
        "|-|-|\n",
        "| a | b |\n|---|:-:|\n| c | d |\n",
        "[",
        "]",
        "(",
        ")",
        "![",
        "](",
        "](x.md)",
        "](x.md#y \"t\")",
        "](#a)",
        "](media/x.jpg)",
        "](javascript:alert(1))",
        "](data:text/html,<b>)",
        "[^1]",
        "\n\n[^1]: note\n",
        "[r]: https://example.org/r\n",
        "[r]",
        "<b>",
        "</b>",
        "<script>",
        "<!-- ",
        "-->",
        "<br>",
        "<svg onload=x>",
        "<https://example.org/a>",
        "https://example.org/b?c&d",
        "www.example.org",
        "me@example.org",
        "&amp;",
        "&#1;",
        "&#10;",
        "&lt;script&gt;",
        "&colon;",
        "\\",
        "\u{0}",
        "\u{b}",
        "\u{fffe}",
        "\u{feff}",
        "\u{a0}",
        "\u{2028}",
        "\"",
        "'",
        "<",
        ">",
        "=",
        ":",
        "{",
        "}",
        "!",
        "javascript:",
        "\r",
    ];
    proptest::collection::vec(proptest::sample::select(pieces), 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_text_whatever_becomes_sane_html(source in any::<String>()) {
        check_sane(&source)?;
    }

    #[test]
    fn any_markdown_whatever_becomes_sane_html(source in markdown_like()) {
        check_sane(&source)?;
    }

    #[test]
    fn any_address_whatever_is_absolute_or_gone(address in "\\PC{0,30}", alt in "\\PC{0,5}") {
        check_sane(&format!("[x](<{address}>) ![{alt}](<{address}>) <{address}>"))?;
        check_sane(&format!("[x](javascript{address}) [y](&#{address};javascript:x)"))?;
    }

    #[test]
    fn the_text_has_every_word_and_address_in_order(
        words in proptest::collection::vec("[a-zé日本]{1,12}[0-9]", 1..60),
        frames in proptest::collection::vec(0_usize..14, 60),
    ) {
        let mut source = String::new();
        let mut expected = Vec::new();
        for (at, (word, frame)) in words.iter().zip(&frames).enumerate() {
            expected.push(word.clone());
            let url = format!("https://example.org/{at}");
            source += &match frame {
                0 => format!("*{word}* "),
                1 => format!("**{word}**\n"),
                2 => format!("\n\n# {word}\n\n"),
                3 => format!("\n\n- {word}\n  - {word}x\n\n"),
                4 => format!("\n\n> {word}\n\n"),
                5 => format!("[{word}]({url}) "),
                6 => format!("`{word}` "),
                7 => format!("\n\n| {word} | {word}x |\n|---|---|\n| {word}y | [z]({url}) |\n\n"),
                8 => format!("\n\n    {word}\n\n"),
                9 => format!("{word}<br>"),
                10 => format!("![{word}](media/x.jpg) "),
                11 => format!("\n\n1) {word}\n\n"),
                12 => format!("[{word} {url}]({url} \"{word}t\") "),
                _ => format!("{word} "),
            };
            match frame {
                3 => expected.push(format!("{word}x")),
                5 => expected.push(url),
                7 => expected.extend([format!("{word}x"), format!("{word}y"), url]),
                12 => expected.extend([url.clone(), format!("{word}t"), url]),
                _ => {}
            }
        }
        let text = render(&source).0.text;
        // A line may end within Chinese or Japanese.
        let joined: String = text.chars().filter(|c| !c.is_whitespace() && *c != '>').collect();
        let mut rest = joined.as_str();
        for piece in expected {
            let at = rest.find(&piece);
            prop_assert!(at.is_some(), "{piece} is not in {text:?} of {source:?}");
            rest = &rest[at.unwrap() + piece.len()..];
        }
    }
}
