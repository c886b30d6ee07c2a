//! Globs over stream names, as the server's own rules write them: `*` within a segment, `**` anything, `!` excludes.

/// Whether a list of globs covers a name: one of them does, and none that begins with `!`.
pub fn covers(patterns: &[String], name: &str) -> bool {
    let (mut included, mut excluded) = (false, false);
    for pattern in patterns {
        match pattern.strip_prefix('!') {
            Some(pattern) => excluded |= matches(pattern, name),
            None => included |= matches(pattern, name),
        }
    }
    included && !excluded
}

/// Takes at most pattern length times name length steps.
fn matches(pattern: &str, name: &str) -> bool {
    let (mut pattern, name) = (pattern.as_bytes(), name.as_bytes());
    // `reached[i]`: the pattern so far can consume exactly the first `i` bytes of the name.
    let mut reached = vec![false; name.len() + 1];
    reached[0] = true;
    while let [first, rest @ ..] = pattern {
        pattern = rest;
        if *first != b'*' {
            for i in (0..name.len()).rev() {
                reached[i + 1] = reached[i] && name[i] == *first;
            }
            reached[0] = false;
            continue;
        }
        let any = pattern.first() == Some(&b'*');
        pattern = pattern.get(usize::from(any)..).unwrap_or_default();
        for i in 0..name.len() {
            reached[i + 1] |= reached[i] && (any || name[i] != b'/');
        }
    }
    reached[name.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_cover_what_the_servers_own_do() {
        let rows: [(&[&str], &str, bool); 14] = [
            (&[], "demo", false),
            (&["demo"], "demo", true),
            (&["demo"], "demo2", false),
            (&["*"], "live/demo", false),
            (&["**"], "live/demo", true),
            (&["live/*"], "live/cam1", true),
            (&["live/*"], "live", false),
            (&["live/*"], "live/a/b", false),
            (&["live/**"], "live/a/b", true),
            (&["a*c*e"], "abcde", true),
            (&["a**z"], "a/b/c/z", true),
            (&["live/cam1", "live/cam2"], "live/cam2", true),
            (&["live/**", "!live/test/*"], "live/test/a", false),
            (&["!live/test/*"], "live/cam1", false),
        ];
        for (patterns, name, expected) in rows {
            let patterns: Vec<String> = patterns.iter().map(|pattern| (*pattern).to_owned()).collect();
            assert_eq!(covers(&patterns, name), expected, "{patterns:?} {name}");
        }
    }
}
