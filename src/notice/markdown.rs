//! Markdown: to clean HTML and to plain text.
//!
//! Pure. One tree is parsed, corrected in place (raw HTML out, headings shifted, addresses absolute) and
//! rendered twice, so that the two parts of a mail cannot say different things. CommonMark 0.31 with
//! GitHub's tables, strikethrough, task lists, bare addresses and footnotes.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "comrak's nodes are 48, most of them of extensions that are off; each match here is about a few"
)]

pub mod address; // where a link or an image points
pub mod plain; // the tree as plain text

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::fmt::Write as _;
use std::ops::Range;
use std::sync::LazyLock;

use comrak::arena_tree::NodeEdge;
use comrak::html::{ChildRendering, Context, format_document_with_formatter, format_node_default};
use comrak::nodes::{Node, NodeValue, Sourcepos};
use comrak::options::Plugins;
use comrak::{Anchorizer, Arena, Options, parse_document};
use sha2::{Digest, Sha256};
use url::Url;

use crate::fields::Placed;
use crate::notice::markdown::address::Target;
use crate::notice::picture;
use crate::problem::Problem;

/// A text's renderings and what it points to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Body {
    /// For the notice's own page: sanitised, headings from h2, every address absolute but those within the
    /// text (`#part`), only characters of XML 1.0.
    pub html: String,
    /// The whole text in lines of 72 columns, longer only for what must not be broken; no line break at the end.
    pub text: String,
    /// The first paragraph on one line, at most 280 characters, cut at the end of a word.
    pub excerpt: String,
    /// Ids of the notices linked to as `other-notice.md`.
    pub notices: Vec<Placed<String>>,
    /// The pictures shown.
    pub images: Vec<Placed<Image>>,
}

/// A picture in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Its path below the site's root, such as `media/banner.jpg`.
    pub path: String,
    /// What it shows, for whoever does not see it; never empty.
    pub alt: String,
}

/// Renders a notice's text. `offset` is where it begins in its file: the problems' spans are bytes of the
/// file. `base_url` is the site's root, below which `notices/<id>/` and `media/` lie.
pub fn render(markdown: &str, offset: usize, base_url: &Url) -> (Body, Vec<Problem>) {
    let mut problems = Vec::new();
    let source = Source::new(markdown, offset, &mut problems);
    let arena = Arena::new();
    let options = options();
    let root = parse_document(&arena, &source.text, &options);

    flatten_quotes(root, &source, &mut problems);
    drop_raw_html(root, &source, &mut problems);
    settle_footnotes(root, &source, &mut problems);
    shift_headings(root);
    let anchors = anchors(root);
    let mut body = Body {
        html: String::new(),
        text: String::new(),
        excerpt: String::new(),
        notices: Vec::new(),
        images: Vec::new(),
    };
    resolve(root, &source, &Site { base_url, anchors: &anchors }, &mut body, &mut problems);

    let html = SANITIZER.clean(&format_html(root, &options, anchors)).to_string();
    body.html = xml_clean(html.trim_end()).into_owned();
    body.text = xml_clean(&plain::text(root)).into_owned();
    body.excerpt = xml_clean(&plain::excerpt(root)).into_owned();
    (body, problems)
}

/// A body's HTML as a mail carries it: a picture is its description (a mail fetches nothing), headings have
/// no ids, which would collide in a digest, and links to them lead to the notice's page.
pub fn for_mail(html: &str, page: &Url) -> String {
    let page = attribute_escaped(page);
    rewrite_tags(html, |tag| {
        if tag.starts_with("<img ") {
            return Cow::Owned(format!("[Image: {}]", attribute(tag, "alt").unwrap_or_default()));
        }
        if tag.starts_with("<h") && tag.contains(" id=") {
            return Cow::Owned(format!("{}>", &tag[..3]));
        }
        match tag.strip_prefix("<a href=\"#") {
            Some(rest) if !rest.starts_with("fn-") && !rest.starts_with("fnref-") => {
                Cow::Owned(format!("<a href=\"{page}#{rest}"))
            }
            Some(_) | None => Cow::Borrowed(tag),
        }
    })
}

/// A body's HTML as a feed carries it: links within the text lead to the notice's page too, because readers
/// disagree about what they are relative to.
pub fn for_feed(html: &str, page: &Url) -> String {
    let page = attribute_escaped(page);
    rewrite_tags(html, |tag| match tag.strip_prefix("<a href=\"#") {
        Some(rest) => Cow::Owned(format!("<a href=\"{page}#{rest}")),
        None => Cow::Borrowed(tag),
    })
}

/// A body without its links to these pages of notices: their words stay.
pub fn without_links(body: &Body, pages: &[String]) -> Body {
    let is_page = |address: &str| {
        let page = address.split('#').next().unwrap_or_default();
        pages.iter().any(|hidden| hidden == page)
    };
    let is_open = Cell::new(false);
    let html = rewrite_tags(&body.html, |tag| {
        if tag == "</a>" && is_open.replace(false) {
            return Cow::Borrowed("");
        }
        let leads_there = tag.starts_with("<a ") && attribute(tag, "href").is_some_and(is_page);
        is_open.set(leads_there || is_open.get());
        if leads_there { Cow::Borrowed("") } else { Cow::Borrowed(tag) }
    });
    let text = pages.iter().fold(body.text.clone(), |text, page| plain::without_address(&text, page));
    Body { html, text, ..body.clone() }
}

/// The text without the characters that XML 1.0 §2.2 does not allow.
pub fn xml_clean(text: &str) -> Cow<'_, str> {
    if is_clean(text) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().filter(|c| is_xml(*c)).collect())
}

// Byte by byte and without a branch: only a control character, or the first byte of U+FFFE and U+FFFF, needs a
// second look.
fn is_clean(text: &str) -> bool {
    let is_suspect =
        |byte: u8| (byte < b' ') & (byte != b'\n') & (byte != b'\t') & (byte != b'\r') | (byte == 0xEF);
    let has_suspect = text.bytes().fold(false, |found, byte| found | is_suspect(byte));
    !has_suspect || text.chars().all(is_xml)
}

fn is_xml(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{FFFD}' | '\u{10000}'..)
}

fn options() -> Options<'static> {
    let mut options = Options::default();
    options.extension.table = true;
    options.extension.strikethrough = true;
    options.extension.autolink = true;
    options.extension.tasklist = true;
    options.extension.footnotes = true;
    // Where they stand we can say which of them nothing refers to; comrak would drop those in silence.
    options.parse.leave_footnote_definitions = true;
    options
}

/// The Markdown, and the way from comrak's lines and columns to bytes of the file.
struct Source {
    text: String,
    offset: usize,
    line_starts: Vec<usize>,
}

impl Source {
    fn new(markdown: &str, offset: usize, problems: &mut Vec<Problem>) -> Self {
        let text = match is_clean(markdown) {
            true => markdown.to_owned(),
            false => cleaned(markdown, offset, problems),
        };
        let bytes = text.as_bytes();
        let ends_line = |at: &usize| bytes[*at] == b'\n' || bytes.get(at + 1) != Some(&b'\n');
        let ends = memchr::memchr2_iter(b'\n', b'\r', bytes).filter(ends_line);
        let line_starts = std::iter::once(0).chain(ends.map(|at| at + 1)).collect();
        Self { text, offset, line_starts }
    }

    // comrak counts lines and bytes of a line from 1, and its ends are inclusive.
    fn local(&self, place: Sourcepos) -> Range<usize> {
        let byte = |line: usize, column: usize| {
            let line_start = self.line_starts.get(line.saturating_sub(1)).copied();
            self.text.floor_char_boundary(line_start.unwrap_or(self.text.len()) + column)
        };
        let start = byte(place.start.line, place.start.column.saturating_sub(1));
        start..byte(place.end.line, place.end.column).max(start)
    }

    fn span(&self, node: Node<'_>) -> Range<usize> {
        self.in_file(self.local(node.data().sourcepos))
    }

    // The bytes of `written` within the node, or the node when it stands elsewhere (`[text][reference]`).
    fn span_of(&self, node: Node<'_>, written: &str) -> Range<usize> {
        let local = self.local(node.data().sourcepos);
        if written.is_empty() {
            return self.in_file(local);
        }
        if let Some(at) = self.text[local.clone()].rfind(written) {
            return self.in_file(local.start + at..local.start + at + written.len());
        }
        // comrak 0.59 places too early what shares a paragraph with a `[reference]: address` before it.
        let is_misplaced = written.starts_with('<') || !self.text[local.clone()].starts_with(['[', '!', '<']);
        match self.text[local.start..].find(written) {
            Some(at) if is_misplaced => self.in_file(local.start + at..local.start + at + written.len()),
            Some(_) | None => self.in_file(local),
        }
    }

    fn in_file(&self, local: Range<usize>) -> Range<usize> {
        local.start + self.offset..local.end + self.offset
    }
}

fn cleaned(markdown: &str, offset: usize, problems: &mut Vec<Problem>) -> String {
    let mut text = String::with_capacity(markdown.len());
    for (at, c) in markdown.char_indices() {
        if is_xml(c) {
            text.push(c);
            continue;
        }
        // As many bytes as were there, so that the places stay right.
        text.push(if c.len_utf8() == 1 { ' ' } else { '\u{FFFD}' });
        let span = offset + at..offset + at + c.len_utf8();
        let message = format!("the text holds the control character U+{:04X}", u32::from(c));
        problems.push(Problem::warning(span, message, "remove it; feeds cannot carry it"));
    }
    text
}

// An HTML parser looks through all the open elements at every new one: 20,000 levels took it four seconds.
// Lists are bounded by comrak.
const MAX_QUOTES: usize = 32;

fn flatten_quotes(root: Node<'_>, source: &Source, problems: &mut Vec<Problem>) {
    let mut depth = 0;
    let mut too_deep = Vec::new();
    for edge in root.traverse() {
        match edge {
            NodeEdge::Start(node) if matches!(node.data().value, NodeValue::BlockQuote) => {
                depth += 1;
                if depth > MAX_QUOTES {
                    too_deep.push(node);
                }
            }
            NodeEdge::End(node) if matches!(node.data().value, NodeValue::BlockQuote) => depth -= 1,
            NodeEdge::Start(_) | NodeEdge::End(_) => {}
        }
    }
    if let Some(first) = too_deep.first() {
        let message = format!("quotes are nested deeper than {MAX_QUOTES} levels");
        problems.push(Problem::warning(source.span(first), message, "the deeper ones are shown as one"));
    }
    too_deep.into_iter().for_each(dissolve);
}

fn drop_raw_html(root: Node<'_>, source: &Source, problems: &mut Vec<Problem>) {
    for node in root.descendants().collect::<Vec<_>>() {
        let (literal, is_block) = match &node.data().value {
            NodeValue::HtmlBlock(block) => (block.literal.clone(), true),
            NodeValue::HtmlInline(literal) => (literal.clone(), false),
            _ => continue,
        };
        if is_line_break(&literal) && !is_block {
            // The only way to break a line in a table's cell; a cell in comrak's tree cannot hold a break.
            let in_cell = node.ancestors().any(|above| matches!(above.data().value, NodeValue::TableCell));
            let value = if in_cell { NodeValue::Text(" ".into()) } else { NodeValue::LineBreak };
            node.data_mut().value = value;
            continue;
        }
        if !is_comment(&literal) {
            let help = if is_block {
                "write Markdown: what stands between the tags is left out with them"
            } else {
                "write Markdown, or \\< for the sign itself"
            };
            let span = if is_block { source.span(node) } else { source.span_of(node, &literal) };
            problems.push(Problem::warning(span, "raw HTML is left out", help));
        }
        node.detach();
    }
}

fn is_line_break(html: &str) -> bool {
    let inner = html.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')).unwrap_or_default();
    inner.trim_end_matches('/').trim().eq_ignore_ascii_case("br")
}

// A note of the author to themselves: leaving it out is what it asks for.
fn is_comment(html: &str) -> bool {
    let html = html.trim();
    html.starts_with("<!--") && html.find("-->").is_some_and(|at| at + 3 == html.len())
}

// Puts the definitions at the end, in the order of their first mention, under names that no other notice
// on the same page or in the same mail has.
fn settle_footnotes(root: Node<'_>, source: &Source, problems: &mut Vec<Problem>) {
    if !source.text.contains("[^") {
        return;
    }
    let mut prefix = String::new();
    for byte in Sha256::digest(source.text.as_bytes()).iter().take(4) {
        let _ = write!(prefix, "{byte:02x}");
    }
    let mut numbers = HashMap::new();
    let mut definitions = Vec::new();
    for node in root.descendants().collect::<Vec<_>>() {
        match &mut node.data_mut().value {
            NodeValue::FootnoteReference(reference) => {
                numbers.insert(reference.name.clone(), reference.ix);
                reference.name = format!("{prefix}-{}", reference.ix);
            }
            NodeValue::FootnoteDefinition(_) => definitions.push(node),
            _ => {}
        }
    }
    let mut mentioned = Vec::new();
    for node in definitions {
        let number = match &mut node.data_mut().value {
            NodeValue::FootnoteDefinition(definition) if definition.total_references > 0 => {
                let number = numbers.get(&definition.name).copied().unwrap_or_default();
                definition.name = format!("{prefix}-{number}");
                Some(number)
            }
            _ => None,
        };
        match number {
            Some(number) => mentioned.push((number, node)),
            None => {
                let message = "nothing refers to this footnote: it is shown as a paragraph";
                let help = "write its [^name] where it belongs";
                problems.push(Problem::warning(source.span(node), message, help));
                dissolve(node);
            }
        }
    }
    mentioned.sort_by_key(|(number, _)| *number);
    for (_, node) in mentioned {
        root.append(node);
    }
}

// Leaves what a node holds where the node was.
fn dissolve(node: Node<'_>) {
    for child in node.children().collect::<Vec<_>>() {
        node.insert_before(child);
    }
    node.detach();
}

// The page's h1 is the title, so the text begins at h2.
fn shift_headings(root: Node<'_>) {
    let mut levels = Vec::new();
    for node in root.descendants() {
        if let NodeValue::Heading(heading) = &node.data().value {
            levels.push(heading.level);
        }
    }
    let Some(smallest) = levels.into_iter().min() else { return };
    for node in root.descendants() {
        if let NodeValue::Heading(heading) = &mut node.data_mut().value {
            heading.level = (heading.level + 2 - smallest).min(6);
        }
    }
}

// The ids of the headings in their order, made as GitHub makes them.
fn anchors(root: Node<'_>) -> Vec<String> {
    let mut anchorizer = Anchorizer::new();
    root.descendants()
        .filter(|node| matches!(node.data().value, NodeValue::Heading(_)))
        .map(|node| anchorizer.anchorize(&node.collect_text()))
        .collect()
}

struct Site<'a> {
    base_url: &'a Url,
    anchors: &'a [String],
}

// Makes every address absolute, and takes out the links and images that cannot stay.
fn resolve(root: Node<'_>, source: &Source, site: &Site<'_>, body: &mut Body, problems: &mut Vec<Problem>) {
    let anchors: HashSet<&str> = site.anchors.iter().map(String::as_str).collect();
    for node in root.descendants().collect::<Vec<_>>() {
        let (written, is_image) = match &node.data().value {
            NodeValue::Link(link) => (link.url.clone(), false),
            NodeValue::Image(link) => (link.url.clone(), true),
            _ => continue,
        };
        let place = source.span_of(node, &written);
        let url = if is_image {
            resolve_image(node, &written, site.base_url, &place, source, body, problems)
        } else {
            let target = address::of_link(&written, site.base_url);
            resolve_link(target, &anchors, &place, body, problems)
        };
        let Some(url) = url else {
            dissolve(node);
            continue;
        };
        if let NodeValue::Link(link) | NodeValue::Image(link) = &mut node.data_mut().value {
            link.url = url;
        }
    }
}

fn resolve_link(
    target: Target,
    anchors: &HashSet<&str>,
    place: &Range<usize>,
    body: &mut Body,
    problems: &mut Vec<Problem>,
) -> Option<String> {
    match target {
        Target::Url(url) => Some(url),
        Target::Bare { url, meant } => {
            let message = "this link leads to a page of this site";
            problems.push(Problem::warning(place.clone(), message, format!("did you mean {meant}?")));
            Some(url)
        }
        Target::Notice { id, url } => {
            body.notices.push(Placed { value: id, span: place.clone() });
            Some(url)
        }
        Target::Part(part) => {
            if !part.contains('%') && !anchors.contains(part.as_str()) {
                let message = format!("no heading of this text has the anchor #{part}");
                let mut known: Vec<String> = anchors.iter().map(|anchor| format!("#{anchor}")).collect();
                known.sort();
                let help = if known.is_empty() {
                    "the text has no headings".to_owned()
                } else {
                    format!("the anchors are {}", known.join(", "))
                };
                problems.push(Problem::warning(place.clone(), message, help));
            }
            Some(format!("#{part}"))
        }
        Target::Refused { message, help } => {
            problems.push(Problem::error(place.clone(), message, help));
            None
        }
    }
}

fn resolve_image(
    node: Node<'_>,
    written: &str,
    base_url: &Url,
    place: &Range<usize>,
    source: &Source,
    body: &mut Body,
    problems: &mut Vec<Problem>,
) -> Option<String> {
    let alt = plain::inline_without_addresses(node);
    if alt.is_empty() {
        let message = "the image has no description";
        let help = "say between the brackets what it shows: ![A crowd with banners](media/crowd.jpg)";
        problems.push(Problem::error(source.span_of(node, "!["), message, help));
    }
    let Some((path, url)) = address::of_image(written, base_url) else {
        let message = "the image does not lie on this site";
        let help =
            "put it into media/ and write media/name.jpg: an image from elsewhere tells others who reads";
        problems.push(Problem::error(place.clone(), message, help));
        return None;
    };
    let Some(path) = picture::path_of(&path) else {
        let message = "the image does not lie in the media folder";
        problems.push(Problem::error(place.clone(), message, "put it into media/ and write media/name.jpg"));
        return None;
    };
    if alt.is_empty() {
        return None;
    }
    body.images.push(Placed { value: Image { path, alt }, span: place.clone() });
    Some(url)
}

fn format_html(root: Node<'_>, options: &Options<'_>, anchors: Vec<String>) -> String {
    let mut html = String::new();
    let plugins = Plugins::default();
    // Writing into a String does not fail.
    let _ =
        format_document_with_formatter(root, options, &mut html, &plugins, format_node, anchors.into_iter());
    html
}

// comrak's HTML, with ids on headings and with signs for task items: mail programs drop form fields.
fn format_node(
    context: &mut Context<'_, '_, std::vec::IntoIter<String>>,
    node: Node<'_>,
    entering: bool,
) -> Result<ChildRendering, fmt::Error> {
    if let NodeValue::Heading(heading) = &node.data().value {
        if entering {
            context.cr()?;
            let anchor = context.user.next().unwrap_or_default();
            write!(context, "<h{} id=\"", heading.level)?;
            context.escape(&anchor)?;
            context.write_str("\">")?;
        } else {
            writeln!(context, "</h{}>", heading.level)?;
        }
        return Ok(ChildRendering::HTML);
    }
    if let NodeValue::TaskItem(task) = &node.data().value {
        if entering {
            context.cr()?;
            context.write_str(if task.symbol.is_some() { "<li>☑ " } else { "<li>☐ " })?;
        } else {
            context.write_str("</li>\n")?;
        }
        return Ok(ChildRendering::HTML);
    }
    format_node_default(context, node, entering)
}

// Nothing here styles, scripts, frames, draws or submits; SVG and MathML are where sanitisers break.
static SANITIZER: LazyLock<ammonia::Builder<'static>> = LazyLock::new(|| {
    let mut builder = ammonia::Builder::empty();
    builder
        .add_tags([
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
        ])
        .add_tag_attributes("a", ["href", "title", "id", "aria-label"])
        .add_tag_attributes("img", ["src", "alt", "title"])
        .add_tag_attributes("li", ["id"])
        .add_tag_attributes("ol", ["start"])
        .add_tag_attributes("td", ["align"])
        .add_tag_attributes("th", ["align"])
        .set_tag_attribute_value("th", "scope", "col")
        .add_allowed_classes("section", ["footnotes"])
        .add_allowed_classes("sup", ["footnote-ref"])
        .add_allowed_classes("a", ["footnote-backref"])
        .clean_content_tags(["script", "style"].into())
        .url_schemes(address::SCHEMES.into_iter().collect())
        // The other side must not learn which page, feed or webmail sent the reader. Not `nofollow`: the
        // author vouches for these links, and a co-sponsor should be found.
        .link_rel(Some("noopener noreferrer"));
    for heading in ["h2", "h3", "h4", "h5", "h6"] {
        builder.add_tag_attributes(heading, ["id"]);
    }
    builder
});

// Calls `each` with every tag of HTML that the sanitiser wrote: there, `<` and `>` stand only for tags.
fn rewrite_tags<'h>(html: &'h str, each: impl Fn(&'h str) -> Cow<'h, str>) -> String {
    let mut out = String::with_capacity(html.len());
    let mut rest = html;
    while let Some(start) = rest.find('<') {
        let end = rest[start..].find('>').map_or(rest.len(), |at| start + at + 1);
        out.push_str(&rest[..start]);
        out.push_str(&each(&rest[start..end]));
        rest = &rest[end..];
    }
    out.push_str(rest);
    out
}

fn attribute<'t>(tag: &'t str, name: &str) -> Option<&'t str> {
    let start = tag.find(&format!(" {name}=\""))? + name.len() + 3;
    let length = tag[start..].find('"')?;
    Some(&tag[start..start + length])
}

fn attribute_escaped(url: &Url) -> String {
    url.as_str().replace('&', "&amp;").replace('"', "&quot;")
}
