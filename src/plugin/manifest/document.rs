//! Reads a TOML document key by key and collects every problem with its line.

use std::cell::RefCell;
use std::ops::RangeInclusive;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A value with its place in the document.
pub(in crate::plugin) type Item<'d> = &'d Spanned<DeValue<'d>>;

/// A document under inspection: what is known of its keys, and what is wrong so far.
pub(in crate::plugin) struct Document<'d> {
    text: &'d str,
    /// Every key that was asked for, by its whole path: what an unknown one may have meant.
    known: RefCell<Vec<String>>,
    /// Keys that nobody asked for, with their offsets.
    unknown: RefCell<Vec<(String, usize)>>,
    /// What is wrong, by line.
    problems: RefCell<Vec<(usize, String)>>,
}

/// One table of a document; it may be absent, then no key has a value.
pub(in crate::plugin) struct Section<'d> {
    document: &'d Document<'d>,
    /// Empty for the document itself.
    path: String,
    /// Where it begins.
    offset: usize,
    table: Option<&'d DeTable<'d>>,
    asked: RefCell<Vec<&'static str>>,
}

/// Of the path of an unknown key that is shown, in characters.
const MAX_SHOWN: usize = 100;

impl<'d> Document<'d> {
    pub(super) fn new(text: &'d str) -> Self {
        Document { text, known: RefCell::default(), unknown: RefCell::default(), problems: RefCell::default() }
    }

    /// The table that holds all others.
    pub(super) fn root(&'d self, table: &'d DeTable<'d>) -> Section<'d> {
        Section { document: self, path: String::new(), offset: 0, table: Some(table), asked: RefCell::default() }
    }

    /// Whether it is a table in braces, not one below a header or made by dots in keys.
    pub(super) fn is_inline(&self, item: Item<'_>) -> bool {
        item.get_ref().is_table() && self.text.as_bytes().get(item.span().start) == Some(&b'{')
    }

    /// Notes a problem.
    pub(super) fn problem(&self, offset: usize, text: String) {
        self.problems.borrow_mut().push((line_at(self.text, offset), text));
    }

    /// How much is wrong so far.
    pub(super) fn count(&self) -> usize {
        self.problems.borrow().len() + self.unknown.borrow().len()
    }

    /// What is wrong, in the order of lines. Ask when every section is finished.
    pub(super) fn into_problems(self) -> Vec<(usize, String)> {
        let known = self.known.into_inner();
        let unknown = self.unknown.into_inner().into_iter().map(|(path, offset)| {
            let path: String = path.chars().take(MAX_SHOWN).collect();
            let text = format!("unknown key `{}`; {}", path.escape_debug(), suggestion(&path, &known));
            (line_at(self.text, offset), text)
        });
        let mut problems: Vec<(usize, String)> = unknown.collect();
        problems.extend(self.problems.into_inner());
        problems.sort_by_key(|(line, _)| *line);
        problems
    }
}

impl<'d> Section<'d> {
    /// The value of a key, of any kind.
    pub(in crate::plugin) fn item(&self, key: &'static str) -> Option<Item<'d>> {
        self.asked.borrow_mut().push(key);
        self.document.known.borrow_mut().push(self.path_of(key));
        let (_, value) = self.table?.iter().find(|(name, _)| name.get_ref() == key)?;
        Some(value)
    }

    /// A whole number within the range; `unit` says of what, in the plural.
    pub(in crate::plugin) fn integer(&self, key: &'static str, range: RangeInclusive<i64>, unit: &str) -> Option<i64> {
        let item = self.item(key)?;
        let number = item.get_ref().as_integer();
        let Some(number) = number else {
            self.wrong(key, item, &format!("expected a whole number of {unit}"));
            return None;
        };
        match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) if range.contains(&number) => Some(number),
            _ => {
                let (low, high) = range.into_inner();
                let number = number.as_str();
                self.wrong(key, item, &format!("{number} is out of range: {low} to {high} {unit}"));
                None
            }
        }
    }

    /// `true` or `false`.
    pub(in crate::plugin) fn switch(&self, key: &'static str) -> Option<bool> {
        let item = self.item(key)?;
        let value = item.get_ref().as_bool();
        if value.is_none() {
            self.wrong(key, item, "expected true or false");
        }
        value
    }

    /// A text.
    pub(in crate::plugin) fn text(&self, key: &'static str) -> Option<(&'d str, usize)> {
        let item = self.item(key)?;
        let value = item.get_ref().as_str();
        if value.is_none() {
            self.wrong(key, item, "expected a text in quotes");
        }
        value.map(|value| (value, item.span().start))
    }

    /// One of some words.
    pub(in crate::plugin) fn word<T: Copy>(&self, key: &'static str, words: &[(&str, T)]) -> Option<T> {
        let item = self.item(key)?;
        let found = words.iter().find(|(word, _)| item.get_ref().as_str() == Some(word));
        if found.is_none() {
            self.wrong(key, item, &format!("expected {}", choice(words.iter().map(|(word, _)| *word))));
        }
        found.map(|(_, value)| *value)
    }

    /// A text, if it is one: to say more about a word that is known and not offered.
    pub(in crate::plugin) fn peek(&self, key: &'static str) -> Option<(&'d str, usize)> {
        let item = self.item(key)?;
        item.get_ref().as_str().map(|value| (value, item.span().start))
    }

    /// A list of texts, each with its offset; at most `most`.
    pub(in crate::plugin) fn texts(&self, key: &'static str, most: usize) -> Option<Vec<(&'d str, usize)>> {
        let item = self.item(key)?;
        let Some(items) = item.get_ref().as_array() else {
            self.wrong(key, item, "expected a list of texts, as in [\"a\", \"b\"]");
            return None;
        };
        if items.len() > most {
            self.wrong(key, item, &format!("has {} entries; at most {most} are possible", items.len()));
            return None;
        }
        let mut texts = Vec::with_capacity(items.len());
        for item in items {
            match item.get_ref().as_str() {
                Some(text) => texts.push((text, item.span().start)),
                None => self.wrong(key, item, "expected texts in quotes"),
            }
        }
        Some(texts)
    }

    /// A table below this one.
    pub(in crate::plugin) fn section(&self, key: &'static str) -> Section<'d> {
        let item = self.item(key);
        let table = item.and_then(|item| item.get_ref().as_table());
        if let (Some(item), None) = (item, table) {
            self.wrong(key, item, &format!("is a table: write [{}] and its keys below", self.path_of(key)));
        }
        let offset = item.map_or(self.offset, |item| item.span().start);
        Section { document: self.document, path: self.path_of(key), offset, table, asked: RefCell::default() }
    }

    /// A list of tables below this one; at most `most`.
    pub(in crate::plugin) fn sections(&self, key: &'static str, most: usize) -> Vec<Section<'d>> {
        let Some(item) = self.item(key) else { return Vec::new() };
        let Some(items) = item.get_ref().as_array().filter(|items| items.len() <= most) else {
            self.wrong(key, item, &format!("expected a list of at most {most} tables, as in [{{ ... }}]"));
            return Vec::new();
        };
        let mut sections = Vec::with_capacity(items.len());
        for item in items {
            let Some(table) = item.get_ref().as_table() else {
                self.wrong(key, item, "expected tables, as in [{ ... }]");
                continue;
            };
            let (path, offset) = (self.path_of(key), item.span().start);
            let asked = RefCell::default();
            sections.push(Section { document: self.document, path, offset, table: Some(table), asked });
        }
        sections
    }

    /// Whether it is there.
    pub(in crate::plugin) fn is_present(&self) -> bool {
        self.table.is_some()
    }

    /// The document that it is a part of.
    pub(in crate::plugin) fn document(&self) -> &'d Document<'d> {
        self.document
    }

    /// A key as messages name it.
    pub(in crate::plugin) fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// Notes what is wrong with the value of a key. The value itself is not repeated: it may be a secret.
    pub(in crate::plugin) fn wrong(&self, key: &str, item: Item<'_>, text: &str) {
        self.wrong_at(key, item.span().start, text);
    }

    /// As [`Section::wrong`], at an offset.
    pub(in crate::plugin) fn wrong_at(&self, key: &str, offset: usize, text: &str) {
        self.document.problem(offset, format!("`{}`: {text}", self.path_of(key)));
    }

    /// Notes that a key is missing.
    pub(in crate::plugin) fn missing(&self, key: &str, text: &str) {
        self.wrong_at(key, self.offset, text);
    }

    /// Notes the keys that nobody asked for.
    pub(in crate::plugin) fn finish(self) {
        let asked = self.asked.borrow();
        for (key, _) in self.table.into_iter().flatten() {
            if !asked.contains(&key.get_ref().as_ref()) {
                self.document.unknown.borrow_mut().push((self.path_of(key.get_ref()), key.span().start));
            }
        }
    }
}

/// `"a", "b" or "c"`.
pub(in crate::plugin) fn choice<'a>(words: impl Iterator<Item = &'a str>) -> String {
    let words: Vec<String> = words.map(|word| format!("\"{word}\"")).collect();
    match words.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => String::new(),
    }
}

/// The line of an offset, from 1.
pub(super) fn line_at(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|byte| *byte == b'\n').count()
}

/// What was probably meant by an unknown path.
fn suggestion(path: &str, known: &[String]) -> String {
    let normal = path.to_ascii_lowercase().replace('_', "-");
    let (table, name) = normal.rsplit_once('.').unwrap_or(("", &normal));
    let mut same_name: Vec<_> = known.iter().filter(|key| key.rsplit('.').next() == Some(name)).cloned().collect();
    same_name.dedup();
    if let Some(near) = nearest(&normal, known) {
        return format!("did you mean `{near}`?");
    }
    if !same_name.is_empty() {
        return format!("did you mean `{}`?", same_name.join("`, `"));
    }
    let prefix = if table.is_empty() { String::new() } else { format!("{table}.") };
    let here = known.iter().filter_map(|key| key.strip_prefix(&prefix)).filter(|key| !key.contains('.'));
    let mut here: Vec<&str> = here.collect();
    here.dedup();
    let place = if table.is_empty() { "at the top".to_owned() } else { format!("of [{table}]") };
    format!("the keys {place} are {}", here.join(", "))
}

/// The candidate that a few mistyped letters separate from the text.
fn nearest<'a>(text: &str, candidates: &'a [String]) -> Option<&'a str> {
    let distance = |candidate: &'a String| (strsim::damerau_levenshtein(text, candidate), candidate.as_str());
    let (distance, candidate) = candidates.iter().map(distance).min()?;
    let name = text.rsplit('.').next().unwrap_or(text);
    // About a third of the letters: more is another word.
    (distance <= (name.len() / 3).clamp(1, 4)).then_some(candidate)
}
