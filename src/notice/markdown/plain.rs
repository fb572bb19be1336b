//! Plain: a text's tree as plain text, complete and readable as it is.
//!
//! Pure. Every word and every address of the tree is in it. Nothing is written in capitals or drawn with
//! signs that a screen reader would spell out, except the line under a heading.

use comrak::arena_tree::NodeEdge;
use comrak::nodes::{ListType, Node, NodeList, NodeValue, TableAlignment};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Columns of plain text: RFC 3676 §4.2 advises 78 at most; 72 leaves room for the "> " of three replies.
pub const COLUMNS: usize = 72;
// However deep the nesting, a line has room for words.
const MIN_COLUMNS: usize = 24;
// Deeper blocks stand where their parents stand: nobody reads a seventeenth level, and a recursion over
// thousands of them would end the program.
const MAX_DEPTH: usize = 16;
const EXCERPT_CHARS: usize = 280;

/// The whole tree in lines of 72 columns, without a line break at the end.
pub fn text(root: Node<'_>) -> String {
    blocks(root, COLUMNS, 0, true).join("\n")
}

/// The first paragraph that has words, on one line of at most 280 characters.
pub fn excerpt(root: Node<'_>) -> String {
    for node in root.descendants() {
        let in_footnote = || node.ancestors().any(|above| is_footnote(above));
        if !matches!(node.data().value, NodeValue::Paragraph) || in_footnote() {
            continue;
        }
        let words = inline_without_addresses(node);
        if !words.is_empty() {
            return shortened(&words, EXCERPT_CHARS);
        }
    }
    String::new()
}

/// The words of a paragraph, or of an image's description, on one line: no addresses, no images within, and
/// nothing struck out, which without its line would read as said.
pub fn inline_without_addresses(node: Node<'_>) -> String {
    let mut out = String::new();
    let mut hidden = 0_usize;
    // An image's own description is not hidden by the image.
    let hides = |inner: &NodeValue, is_self: bool| {
        !is_self && matches!(inner, NodeValue::Image(_) | NodeValue::Strikethrough)
    };
    for edge in node.traverse() {
        match edge {
            NodeEdge::Start(inner) if hides(&inner.data().value, inner.same_node(node)) => hidden += 1,
            NodeEdge::End(inner) if hides(&inner.data().value, inner.same_node(node)) => hidden -= 1,
            NodeEdge::Start(inner) if hidden == 0 => match &inner.data().value {
                NodeValue::Text(literal) => out.push_str(literal),
                NodeValue::Code(code) => out.push_str(&code.literal),
                NodeValue::SoftBreak | NodeValue::LineBreak => out.push(' '),
                _ => {}
            },
            NodeEdge::Start(_) | NodeEdge::End(_) => {}
        }
    }
    out.split(is_breakable_space).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

fn is_footnote(node: Node<'_>) -> bool {
    matches!(node.data().value, NodeValue::FootnoteDefinition(_))
}

fn shortened(words: &str, most: usize) -> String {
    if words.chars().count() <= most {
        return words.to_owned();
    }
    // One character is for the ellipsis.
    let (mut end, next) = words.char_indices().nth(most - 1).unwrap_or((words.len(), ' '));
    if !is_breakable_space(next) {
        let breaks = pieces(words);
        let mut at = 0;
        let mut last = 0;
        for (piece, space_before) in breaks {
            at += usize::from(space_before && at > 0);
            if at + piece.len() > end {
                break;
            }
            at += piece.len();
            last = at;
        }
        // Half of the room is not given up for a word that has no end.
        if last > end / 2 {
            end = last;
        }
    }
    let mut cut = &words[..end];
    // An accent must stay with its letter.
    while end < words.len() && words[end..].chars().next().is_some_and(|c| c.width() == Some(0)) {
        end = cut.char_indices().next_back().map_or(0, |(at, _)| at);
        cut = &words[..end];
    }
    format!("{}…", cut.trim_end_matches(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | ':' | '-')))
}

// The children's lines, with an empty line between two of them when `loose`.
fn blocks(node: Node<'_>, columns: usize, depth: usize, loose: bool) -> Vec<String> {
    let mut lines = Vec::new();
    for child in node.children() {
        let block = if depth < MAX_DEPTH { block(child, columns, depth) } else { flat(child, columns) };
        if block.is_empty() {
            continue;
        }
        if loose && !lines.is_empty() {
            lines.push(String::new());
        }
        lines.extend(block);
    }
    lines
}

fn block(node: Node<'_>, columns: usize, depth: usize) -> Vec<String> {
    let inner_columns = |taken: usize| columns.saturating_sub(taken).max(MIN_COLUMNS);
    match &node.data().value {
        NodeValue::Paragraph => wrap(&inline(node), columns),
        NodeValue::Heading(heading) => underlined(wrap(&inline(node), columns), heading.level),
        NodeValue::BlockQuote => prefixed(blocks(node, inner_columns(2), depth + 1, true), "> ", "> "),
        NodeValue::List(list) => items(node, list, columns, depth),
        NodeValue::CodeBlock(code) => {
            let lines = code.literal.lines().map(|line| line.trim_end_matches('\r').to_owned());
            prefixed(lines.collect(), "    ", "    ")
        }
        NodeValue::ThematicBreak => vec!["* * *".to_owned()],
        NodeValue::Table(table) => rows(node, &table.alignments, columns),
        NodeValue::FootnoteDefinition(definition) => {
            let number = definition.name.rsplit('-').next().unwrap_or_default();
            let marker = format!("[{number}] ");
            let lines = blocks(node, inner_columns(marker.len()), depth + 1, true);
            prefixed(lines, &marker, &" ".repeat(marker.len()))
        }
        _ => blocks(node, columns, depth + 1, true),
    }
}

// The blocks within, however deep, one after the other.
fn flat(node: Node<'_>, columns: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for node in node.descendants() {
        let holds_words = matches!(
            node.data().value,
            NodeValue::Paragraph | NodeValue::Heading(_) | NodeValue::TableCell | NodeValue::CodeBlock(_)
        );
        if holds_words {
            lines.extend(match &node.data().value {
                NodeValue::CodeBlock(code) => code.literal.lines().map(str::to_owned).collect(),
                _ => wrap(&inline(node), columns),
            });
        }
    }
    lines
}

fn underlined(mut lines: Vec<String>, level: u8) -> Vec<String> {
    let columns = lines.iter().map(|line| line.width()).max().unwrap_or_default().min(COLUMNS);
    let sign = match level {
        2 => "=",
        3 => "-",
        _ => return lines,
    };
    if columns > 0 {
        lines.push(sign.repeat(columns));
    }
    lines
}

fn items(node: Node<'_>, list: &NodeList, columns: usize, depth: usize) -> Vec<String> {
    let count = node.children().count();
    let marker_columns = match list.list_type {
        ListType::Bullet => 2,
        ListType::Ordered => format!("{}. ", list.start.saturating_add(count.saturating_sub(1))).len(),
    };
    let mut lines = Vec::new();
    for (index, item) in node.children().enumerate() {
        let task = match &item.data().value {
            NodeValue::TaskItem(task) => Some(task.symbol.is_some()),
            _ => None,
        };
        let marker = match (list.list_type, task) {
            (ListType::Bullet, None) => "- ".to_owned(),
            (ListType::Bullet, Some(true)) => "- [x] ".to_owned(),
            (ListType::Bullet, Some(false)) => "- [ ] ".to_owned(),
            (ListType::Ordered, task) => {
                let number = format!("{}. ", list.start.saturating_add(index));
                let box_sign = match task {
                    None => "",
                    Some(true) => "[x] ",
                    Some(false) => "[ ] ",
                };
                format!("{number:>marker_columns$}{box_sign}")
            }
        };
        let hang = " ".repeat(marker_columns);
        let inner = columns.saturating_sub(marker.len()).max(MIN_COLUMNS);
        let mut block = prefixed(blocks(item, inner, depth + 1, !list.tight), &marker, &hang);
        if block.is_empty() {
            block.push(marker.trim_end().to_owned());
        }
        if !list.tight && !lines.is_empty() {
            lines.push(String::new());
        }
        lines.extend(block);
    }
    lines
}

fn prefixed(lines: Vec<String>, first: &str, rest: &str) -> Vec<String> {
    let with_prefix = |(at, line): (usize, String)| {
        let prefix = if at == 0 { first } else { rest };
        if line.is_empty() { prefix.trim_end().to_owned() } else { format!("{prefix}{line}") }
    };
    lines.into_iter().enumerate().map(with_prefix).collect()
}

// Aligned columns when the table is narrow enough, else a line for each cell.
fn rows(table: Node<'_>, alignments: &[TableAlignment], columns: usize) -> Vec<String> {
    let cell_text = |cell| inline(cell).replace('\n', " ").trim().to_owned();
    let rows: Vec<Vec<String>> =
        table.children().map(|row| row.children().map(cell_text).collect()).collect();
    let mut widths = vec![0; rows.iter().map(Vec::len).max().unwrap_or_default()];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.width().max(*width);
        }
    }
    let total = widths.iter().sum::<usize>() + 2 * widths.len().saturating_sub(1);
    if total > columns { cell_lines(&rows, columns) } else { aligned(&rows, &widths, alignments) }
}

fn aligned(rows: &[Vec<String>], widths: &[usize], alignments: &[TableAlignment]) -> Vec<String> {
    let mut lines = Vec::new();
    for (index, row) in rows.iter().enumerate() {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            let free = widths.get(column).copied().unwrap_or_default().saturating_sub(cell.width());
            let left = match alignments.get(column) {
                Some(TableAlignment::Right) => free,
                Some(TableAlignment::Center) => free / 2,
                Some(TableAlignment::Left | TableAlignment::None) | None => 0,
            };
            if column > 0 {
                line.push_str("  ");
            }
            line.push_str(&" ".repeat(left));
            line.push_str(cell);
            line.push_str(&" ".repeat(free - left));
        }
        lines.push(line.trim_end().to_owned());
        if index == 0 {
            let rules: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
            lines.push(rules.join("  ").trim_end().to_owned());
        }
    }
    lines
}

fn cell_lines(rows: &[Vec<String>], columns: usize) -> Vec<String> {
    let Some((header, rows)) = rows.split_first() else { return Vec::new() };
    if rows.is_empty() {
        return header.iter().flat_map(|cell| wrap(cell, columns)).collect();
    }
    let mut lines = Vec::new();
    for row in rows {
        if !lines.is_empty() {
            lines.push(String::new());
        }
        for (column, cell) in row.iter().enumerate() {
            let line = match header.get(column).filter(|name| !name.is_empty()) {
                Some(name) if cell.is_empty() => format!("{name}:"),
                Some(name) => format!("{name}: {cell}"),
                None => cell.clone(),
            };
            lines.extend(prefixed(wrap(&line, columns.saturating_sub(2).max(MIN_COLUMNS)), "", "  "));
        }
    }
    lines
}

// The words and addresses of a paragraph; `\n` stands only where a line must end.
fn inline(node: Node<'_>) -> String {
    let mut line = Line::default();
    for edge in node.traverse() {
        match edge {
            NodeEdge::Start(inner) => line.open(inner),
            NodeEdge::End(inner) => line.close(inner),
        }
    }
    line.out
}

#[derive(Default)]
struct Line {
    out: String,
    link_starts: Vec<usize>,
    strong_starts: Vec<usize>,
}

impl Line {
    fn open(&mut self, node: Node<'_>) {
        match &node.data().value {
            NodeValue::Text(literal) => self.push(literal),
            NodeValue::Code(code) => self.push(&code.literal),
            NodeValue::SoftBreak => self.out.push(' '),
            NodeValue::LineBreak => self.out.push('\n'),
            NodeValue::Strong => self.strong_starts.push(self.out.len()),
            // Without its signs what was taken back would read as said.
            NodeValue::Strikethrough => self.out.push_str("~~"),
            NodeValue::Link(_) => self.link_starts.push(self.out.len()),
            NodeValue::Image(_) => self.out.push_str("[Image: "),
            NodeValue::FootnoteReference(reference) => self.out.push_str(&format!("[{}]", reference.ix)),
            _ => {}
        }
    }

    fn close(&mut self, node: Node<'_>) {
        match &node.data().value {
            NodeValue::Strong => self.close_strong(),
            NodeValue::Strikethrough => self.out.push_str("~~"),
            NodeValue::Link(link) => self.close_link(&link.url, &link.title),
            NodeValue::Image(image) => {
                if !image.title.is_empty() {
                    self.out.push_str(", ");
                    self.push(&image.title);
                }
                self.out.push(']');
            }
            _ => {}
        }
    }

    // A character reference may stand for a line break, which is a space here as it is in HTML.
    fn push(&mut self, literal: &str) {
        if literal.contains(['\n', '\r']) {
            self.out.extend(literal.chars().map(|c| if matches!(c, '\n' | '\r') { ' ' } else { c }));
        } else {
            self.out.push_str(literal);
        }
    }

    // Only the outermost is marked, and nothing that holds an address: mail programs would take the sign
    // for a part of it.
    fn close_strong(&mut self) {
        let Some(start) = self.strong_starts.pop() else { return };
        let inner = &self.out[start..];
        if self.strong_starts.is_empty() && !inner.contains("://") && !inner.contains('@') {
            self.out.insert(start, '*');
            self.out.push('*');
        }
    }

    fn close_link(&mut self, url: &str, title: &str) {
        let Some(start) = self.link_starts.pop() else { return };
        let address = url.strip_prefix("mailto:").or_else(|| url.strip_prefix("tel:")).unwrap_or(url);
        let words = self.out[start..].trim();
        let same = is_same_address(words, url) || is_same_address(words, address);
        if same || words.is_empty() {
            self.out.truncate(start);
            self.out.push_str(address);
            if !title.is_empty() {
                self.out.push_str(" (");
                self.push(title);
                self.out.push(')');
            }
            return;
        }
        // `#part` leads nowhere from here.
        let address = if url.starts_with('#') { "" } else { address };
        let both = if title.is_empty() || address.is_empty() { "" } else { ", " };
        if !title.is_empty() || !address.is_empty() {
            self.out.push_str(" (");
            self.push(title);
            self.out.push_str(both);
            self.out.push_str(address);
            self.out.push(')');
        }
    }
}

fn is_same_address(words: &str, address: &str) -> bool {
    let bare = |text: &str| {
        let text = text.trim_start_matches("https://").trim_start_matches("http://").trim_end_matches('/');
        // Telephone numbers are written with spaces, and linked without.
        text.chars().filter(|c| !matches!(c, ' ' | '(' | ')')).collect::<String>()
    };
    bare(words) == bare(address)
}

/// A text that `text` wrote, without an address and its parts (`#part`) behind the words that led there.
pub fn without_address<'t>(text: &'t str, address: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(address) {
        let (before, after) = (&rest[..at], &rest[at + address.len()..]);
        let part = match after.strip_prefix('#') {
            Some(part) => 1 + part.find(|c: char| c.is_whitespace() || c == ')').unwrap_or(part.len()),
            None => 0,
        };
        let after = &after[part..];
        // Behind its words it stands in brackets, perhaps on the next line of a quote or after a title.
        let words = |text: &'t str| text.trim_end_matches([' ', '\n', '>']);
        let (kept, after) =
            match (before.strip_suffix('('), words(before).strip_suffix(','), after.strip_prefix(')')) {
                (Some(before), _, Some(after)) => (words(before), after),
                (None, Some(title), Some(_)) => (title, after),
                _ => (before, after),
            };
        out.push_str(kept);
        rest = after;
    }
    out.push_str(rest);
    out
}

/// A text of any number of lines as one, in lines of at most `columns` with `first` before the first and `further`
/// before the others; longer only for what must not be broken: a word, an address, which leads nowhere when it is.
pub fn wrap_as_one(text: &str, columns: usize, first: &str, further: &str) -> Vec<String> {
    let prefix = |index: usize| if index == 0 { first } else { further };
    let text = text.replace(['\n', '\r'], " ");
    let lines = wrap_by(&text, |index| columns.saturating_sub(prefix(index).width()));
    lines.into_iter().enumerate().map(|(index, line)| format!("{}{line}", prefix(index))).collect()
}

// Lines of at most `columns`.
fn wrap(text: &str, columns: usize) -> Vec<String> {
    wrap_by(text, |_| columns)
}

// Lines of at most as many columns as each may have, longer only for what must not be broken: a word, an address.
fn wrap_by(text: &str, columns: impl Fn(usize) -> usize) -> Vec<String> {
    let mut lines = Vec::new();
    for hard_line in text.split('\n') {
        let mut line = String::new();
        let mut used = 0;
        for (piece, space_before) in pieces(hard_line) {
            let space = usize::from(space_before && !line.is_empty());
            let width = if piece.is_ascii() { piece.len() } else { piece.width() };
            if !line.is_empty() && used + space + width > columns(lines.len()) {
                lines.push(std::mem::take(&mut line));
                used = 0;
            } else if space == 1 {
                line.push(' ');
                used += 1;
            }
            line.push_str(piece);
            used += width;
        }
        if !line.is_empty() || !lines.is_empty() {
            lines.push(line);
        }
    }
    while lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    lines
}

// What a line may be broken between, each with whether a space stands before it.
fn pieces(line: &str) -> Vec<(&str, bool)> {
    let mut pieces = Vec::new();
    for word in line.split(is_breakable_space).filter(|word| !word.is_empty()) {
        // No ASCII character is ideographic, and most words are of nothing else.
        if word.is_ascii() {
            pieces.push((word, true));
            continue;
        }
        let mut start = 0;
        let mut before: Option<char> = None;
        let is_address = word.contains("://");
        for (at, c) in word.char_indices() {
            if !is_address && before.is_some_and(|before| may_break(before, c)) {
                pieces.push((&word[start..at], start == 0));
                start = at;
            }
            before = Some(c);
        }
        pieces.push((&word[start..], start == 0));
    }
    pieces
}

// Not the spaces that are there to hold words together (U+00A0, U+2007, U+202F).
fn is_breakable_space(c: char) -> bool {
    c.is_whitespace() && !matches!(c, '\u{A0}' | '\u{2007}' | '\u{202F}')
}

// Chinese and Japanese are written without spaces: a line may end between any two characters, except before
// what closes and after what opens (the core of JIS X 4051; UAX #14 has all of it).
fn may_break(before: char, after: char) -> bool {
    let ideographic = is_ideographic(before) || is_ideographic(after);
    ideographic && !OPENING.contains(before) && !CLOSING.contains(after) && after.width() != Some(0)
}

const OPENING: &str = "([{\"'“‘（［｛「『【〈《〔〖〘";
const CLOSING: &str = ")]}\"'”’.,;:!?%…、。，．・：；？！゛゜ーヽヾ々〜～）］｝」』】〉》〕〗〙\
                       ぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮヵヶ゙゚";

fn is_ideographic(c: char) -> bool {
    matches!(
        c,
        '\u{2E80}'..='\u{303F}' | '\u{3040}'..='\u{A4CF}' | '\u{F900}'..='\u{FAFF}'
            | '\u{FE30}'..='\u{FE4F}' | '\u{FF01}'..='\u{FF60}' | '\u{20000}'..='\u{3FFFD}'
    )
}
