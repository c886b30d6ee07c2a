//! Finds the line of a manifest that a plugin complains of.

use super::document::line_at;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// How complaints of a plugin about its `[config]` begin, wherever they stand in a longer text.
const START: &str = "config: ";

/// The line, from 1, of the key that the plugin names in backquotes, else of `[config]`; none when the text is no
/// complaint about it.
pub fn line_of(manifest: &str, complaint: &str) -> Option<usize> {
    let about = &complaint[complaint.find(START)? + START.len()..];
    // `tokn` is unknown; `keys[1]`: `isuer` is unknown; `keys[1].days`: invalid type.
    let mut quoted = about.split('`').skip(1);
    let first = quoted.next();
    let second = quoted.next().filter(|between| *between == ": ").and_then(|_| quoted.next());
    let table = DeTable::parse(manifest).ok()?;
    let (header, config) = table.get_ref().iter().find(|(key, _)| key.get_ref() == "config")?;
    let last = |path: &str| Some(path.rsplit('.').next()?.split('[').next()?.to_owned());
    let keys = [second.map(str::to_owned), first.map(str::to_owned), first.and_then(last)];
    let offset = keys.iter().flatten().find_map(|key| offset_of(config, key)).unwrap_or(header.span().start);
    Some(line_at(manifest, offset))
}

/// The line, from 1, of a key in a table at the top.
pub fn line_of_key(manifest: &str, table: &str, key: &str) -> Option<usize> {
    let parsed = DeTable::parse(manifest).ok()?;
    let (_, table) = parsed.get_ref().iter().find(|(name, _)| name.get_ref() == table)?;
    let (key, _) = table.get_ref().as_table()?.iter().find(|(name, _)| name.get_ref() == key)?;
    Some(line_at(manifest, key.span().start))
}

/// Where the key stands, at whatever depth; as deep as the parser allows: 80.
fn offset_of(value: &Spanned<DeValue<'_>>, wanted: &str) -> Option<usize> {
    match value.get_ref() {
        DeValue::Table(table) => {
            let here = table.iter().find(|(key, _)| key.get_ref() == wanted).map(|(key, _)| key.span().start);
            here.or_else(|| table.iter().find_map(|(_, value)| offset_of(value, wanted)))
        }
        DeValue::Array(items) => items.iter().find_map(|value| offset_of(value, wanted)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_complaint_is_led_to_its_line() {
        let manifest = "tokn = 1\n\n[config]\ntoken = \"x\"\ntokn = 1\nkeys = [\n  { id = 1 },\n  { isuer = 2 },\n]\n";
        let rows = [
            ("it does not begin: config: `tokn` is unknown, did you mean `token`?", Some(5)),
            ("config: `isuer` is unknown", Some(8)),
            ("config: `keys[1]`: `isuer` is unknown, did you mean `issuer`?", Some(8)),
            ("config: `keys[0].id`: invalid type: integer `1`, expected a string", Some(7)),
            ("config: `keys[0]`: missing field `days`", Some(6)),
            ("config: missing field `nothing`", Some(3)),
            ("config: invalid type", Some(3)),
            ("it does not begin: no net for `tokn`", None),
        ];
        for (complaint, line) in rows {
            assert_eq!(line_of(manifest, complaint), line, "{complaint}");
        }
        assert_eq!(line_of("priority = 1", "config: missing field `a`"), None);
        assert_eq!(line_of_key(manifest, "config", "keys"), Some(6));
        assert_eq!(line_of_key("match.country = []", "match", "country"), Some(1));
        assert_eq!(line_of_key(manifest, "match", "country"), None);
    }
}
