//! Text of others, made harmless for a terminal: what would move the cursor, change colours or turn the reading direction is
//! shown as an escape.

/// As [`one_line`], but line breaks stay.
pub fn plain(text: &str) -> String {
    text.split('\n').map(one_line).collect::<Vec<_>>().join("\n")
}

/// The text with each control character, line break and mark of direction as an escape, such as `\u{1b}`. Tabs stay.
pub fn one_line(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if (c.is_control() && c != '\t') || turns_text(c) { shown.extend(c.escape_default()) } else { shown.push(c) }
    }
    shown
}

/// Marks that break a line or turn the direction of what stands around them, on a page or in a terminal.
pub fn turns_text(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_act_on_is_shown() {
        for (text, line) in [
            ("Grüße\t1", "Grüße\t1"),
            ("a\u{1b}[31mb", "a\\u{1b}[31mb"),
            ("a\r\nb", "a\\r\\nb"),
            ("\u{9b}2J\u{7f}", "\\u{9b}2J\\u{7f}"),
            ("a\u{202e}b\u{2028}\u{2066}", "a\\u{202e}b\\u{2028}\\u{2066}"),
        ] {
            assert_eq!(one_line(text), line);
        }
        assert_eq!(plain("a\n\u{1b}b\r\n"), "a\n\\u{1b}b\\r\n");
    }
}
