//! Tells from a row of looks at the directory which plugins changed and have come to rest, and which are gone.

use super::look::{Files, Look, Stamp};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::time::{Duration, Instant};

/// Something about the directory that calls for action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sight {
    /// The plugin's files are new or changed, and at rest.
    Stable(String),
    /// The plugin's file is gone for good.
    Removed(String),
    /// A `.wasm` file that can be no plugin; told once.
    Strange { file: String, reason: &'static str },
    /// The directory can not be read, or was replaced by an empty one: what runs runs on.
    Lost(String),
    /// It is back.
    Found,
    /// Another directory is in its place, and these plugins are not in it. They run on for [`MOVING`], and are removed then.
    Moved(Vec<String>),
}

/// Remembers what it saw.
#[derive(Debug, Default)]
pub struct Scanner {
    plugins: BTreeMap<String, Watched>,
    strange: BTreeSet<String>,
    identity: Option<(u64, u64)>,
    lost: bool,
    /// Whether every plugin comes with a signature.
    signed: bool,
}

/// One plugin's files.
#[derive(Debug)]
struct Watched {
    /// As told last; none while it was not told yet.
    told: Option<Files>,
    /// As seen last; none when gone.
    seen: Option<Files>,
    since: Instant,
    /// Whether it went with the directory that it was in, not by itself.
    moved: bool,
}

/// Files are at rest when nothing about them changed for so long.
const REST: Duration = Duration::from_millis(200);
/// A file that is missing may be about to be written again (delete and create), and the absence of a plugin or of a
/// manifest lifts rules; so absence must last longer.
const ABSENCE: Duration = Duration::from_secs(1);
/// A directory that another one took the place of may still be filled: nobody took single plugins away, so they stay for longer.
pub const MOVING: Duration = Duration::from_secs(10);

/// A file and its signature are written one after the other: the second is waited for, for so long.
const PAIR: Duration = Duration::from_secs(3);

impl Scanner {
    /// `signed`: every plugin comes with a signature, so one without is not complete yet.
    pub fn new(signed: bool) -> Self {
        Scanner { signed, ..Scanner::default() }
    }

    /// Takes what a look found and says what to do. The first look finds everything at rest: a start does not wait.
    pub fn look(&mut self, now: Instant, found: io::Result<Look>) -> Vec<Sight> {
        let mut sights = Vec::new();
        let found = match found {
            Ok(found) => found,
            Err(error) => {
                self.lose(&mut sights, format!("it can not be read: {error}"));
                return sights;
            }
        };
        let replaced = self.identity.is_some_and(|identity| identity != found.identity);
        if (replaced || self.lost) && !self.plugins.is_empty() && found.plugins.is_empty() {
            // A file system that was unmounted leaves an empty directory behind; its plugins were not removed one by one.
            self.lose(&mut sights, "it was replaced by a directory without plugins".to_owned());
            return sights;
        }
        let first = self.identity.is_none();
        self.identity = Some(found.identity);
        let was_lost = std::mem::take(&mut self.lost);
        if was_lost {
            sights.push(Sight::Found);
        }
        for (file, reason) in &found.strange {
            if self.strange.insert(file.clone()) {
                sights.push(Sight::Strange { file: file.clone(), reason });
            }
        }
        self.strange.retain(|file| found.strange.contains_key(file));
        if replaced || was_lost {
            self.moved(now, &found, &mut sights);
        }
        self.compare(now, found, first, &mut sights);
        sights
    }

    /// The plugins that are there, or were a moment ago.
    pub fn names(&self) -> BTreeSet<String> {
        self.plugins.keys().cloned().collect()
    }

    /// The plugins that did not come along to another directory.
    fn moved(&mut self, now: Instant, found: &Look, sights: &mut Vec<Sight>) {
        let mut missing = Vec::new();
        for (name, watched) in self.plugins.iter_mut().filter(|(name, _)| !found.plugins.contains_key(*name)) {
            *watched = Watched { told: watched.told.take(), seen: None, since: now, moved: true };
            missing.push(name.clone());
        }
        if !missing.is_empty() {
            sights.push(Sight::Moved(missing));
        }
    }

    fn compare(&mut self, now: Instant, found: Look, first: bool, sights: &mut Vec<Sight>) {
        let mut found = found.plugins;
        for (name, watched) in &mut self.plugins {
            let files = found.remove(name);
            if files != watched.seen {
                watched.seen = files;
                watched.since = now;
                watched.moved = false;
            }
        }
        for (name, files) in found {
            self.plugins.insert(name, Watched { told: None, seen: Some(files), since: now, moved: false });
        }
        self.plugins.retain(|name, watched| {
            let rest = now.saturating_duration_since(watched.since);
            let had_manifest = watched.told.as_ref().is_some_and(|files| files.toml.is_some());
            match &watched.seen {
                Some(files) if watched.told.as_ref() == Some(files) => {}
                Some(files) => {
                    let absent =
                        had_manifest && files.toml.is_none() || files.wasm == Stamp::Broken(io::ErrorKind::NotFound);
                    let patience = match (absent, is_half(watched.told.as_ref(), files, self.signed)) {
                        (true, _) => ABSENCE,
                        (_, true) => PAIR,
                        _ => REST,
                    };
                    if first || rest >= patience {
                        watched.told = Some(files.clone());
                        sights.push(Sight::Stable(name.clone()));
                    }
                }
                None if rest >= if watched.moved { MOVING } else { ABSENCE } => {
                    if watched.told.is_some() {
                        sights.push(Sight::Removed(name.clone()));
                    }
                    return false;
                }
                None => {}
            }
            true
        });
    }

    fn lose(&mut self, sights: &mut Vec<Sight>, reason: String) {
        if !self.lost {
            self.lost = true;
            sights.push(Sight::Lost(reason));
        }
    }
}

/// Whether the signature of a file, or the file of a signature, is still to come.
fn is_half(told: Option<&Files>, seen: &Files, signed: bool) -> bool {
    let Some(told) = told else { return signed && seen.signature.is_none() };
    let (file, signature) = (told.wasm != seen.wasm, told.signature != seen.signature);
    seen.signature.is_none() && signed || file && !signature && seen.signature.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file with this content, so to speak.
    fn stamp(content: u64) -> Stamp {
        Stamp::File { device: 1, inode: content / 100, length: content, modified: (content as i64, 0), changed: (0, 0) }
    }

    /// `name=wasm`, `name=wasm+toml`: the plugins of a look; `lost` for a directory that can not be read, and
    /// `other` first for another directory.
    fn found(text: &str) -> io::Result<Look> {
        if text == "lost" {
            return Err(io::ErrorKind::NotFound.into());
        }
        let mut look = Look { identity: (1, 1), ..Look::default() };
        for word in text.split_whitespace() {
            if word == "other" {
                look.identity = (2, 2);
            } else if let Some(name) = word.strip_prefix('?') {
                look.strange.insert(name.to_owned(), "strange");
            } else {
                let (name, files) = word.split_once('=').unwrap();
                let (files, signature) = match files.split_once('~') {
                    Some((files, signature)) => (files, Some(signature)),
                    None => (files, None),
                };
                let (wasm, toml) = match files.split_once('+') {
                    Some((wasm, toml)) => (wasm, Some(toml)),
                    None => (files, None),
                };
                let number = |text: &str| stamp(text.parse().unwrap());
                let wasm = if wasm == "broken" { Stamp::Broken(io::ErrorKind::NotFound) } else { number(wasm) };
                let (toml, signature) = (toml.map(number), signature.map(number));
                look.plugins.insert(name.to_owned(), Files { wasm, toml, signature, secrets: Vec::new() });
            }
        }
        Ok(look)
    }

    /// Runs looks at times in ms; each row says what was found and what is told.
    fn check(rows: &[(u64, &str, &str)]) {
        run(Scanner::default(), rows);
    }

    fn run(mut scanner: Scanner, rows: &[(u64, &str, &str)]) {
        let start = Instant::now();
        for (ms, seen, expected) in rows {
            let sights = scanner.look(start + Duration::from_millis(*ms), found(seen));
            let words: Vec<String> = sights
                .into_iter()
                .map(|sight| match sight {
                    Sight::Stable(name) => format!("stable {name}"),
                    Sight::Removed(name) => format!("removed {name}"),
                    Sight::Strange { file, .. } => format!("strange {file}"),
                    Sight::Lost(_) => "lost".to_owned(),
                    Sight::Found => "found".to_owned(),
                    Sight::Moved(names) => format!("moved without {}", names.join(" ")),
                })
                .collect();
            assert_eq!(words.join(", "), *expected, "at {ms} ms: {seen}");
        }
    }

    #[test]
    fn the_first_look_tells_what_is_there() {
        check(&[(0, "a=1 b=1+1", "stable a, stable b"), (100, "a=1 b=1+1", ""), (5_000, "a=1 b=1+1", "")]);
    }

    #[test]
    fn a_file_that_is_being_written_is_left_alone() {
        check(&[
            (0, "", ""),
            (100, "a=0", ""),
            (200, "a=10", ""),
            (300, "a=20", ""),
            (400, "a=20", ""),
            (490, "a=30", ""),
            (600, "a=30", ""),
            (690, "a=30", "stable a"),
            (800, "a=30", ""),
        ]);
    }

    #[test]
    fn a_file_and_its_signature_are_waited_for_together() {
        run(
            Scanner::new(true),
            &[
                (0, "", ""),
                (100, "a=1", ""),
                (2_000, "a=1", ""),
                (2_100, "a=1~1", ""),
                (2_300, "a=1~1", "stable a"),
                (2_400, "a=2~1", ""),
                (2_700, "a=2~1", ""),
                (3_000, "a=2~2", ""),
                (3_200, "a=2~2", "stable a"),
                (3_300, "a=3~2", ""),
                (6_300, "a=3~2", "stable a"),
                (6_400, "b=1 a=3~2", ""),
                (9_400, "b=1 a=3~2", "stable b"),
            ],
        );
        check(&[
            (0, "a=1", "stable a"),
            (100, "a=1~1", ""),
            (300, "a=1~1", "stable a"),
            (400, "a=2~1", ""),
            (900, "a=2~1", ""),
        ]);
    }

    #[test]
    fn a_rename_and_a_swapped_link_are_changes_like_any_other() {
        check(&[(0, "a=100", "stable a"), (100, "a=200", ""), (200, "a=200", ""), (300, "a=200", "stable a")]);
    }

    #[test]
    fn delete_and_create_is_one_change() {
        check(&[
            (0, "a=1", "stable a"),
            (100, "", ""),
            (900, "", ""),
            (1_000, "a=2", ""),
            (1_200, "a=2", "stable a"),
            (1_300, "", ""),
            (1_400, "a=2", ""),
            (1_700, "a=2", ""),
        ]);
    }

    #[test]
    fn a_file_that_stays_away_is_removed() {
        check(&[
            (0, "a=1 b=1", "stable a, stable b"),
            (100, "b=1", ""),
            (1_000, "b=1", ""),
            (1_100, "b=1", "removed a"),
            (1_200, "b=1", ""),
            (1_300, "a=1 b=1", ""),
            (1_500, "a=1 b=1", "stable a"),
        ]);
    }

    #[test]
    fn a_file_that_came_and_went_is_nothing() {
        check(&[(0, "", ""), (100, "a=1", ""), (200, "", ""), (1_300, "", "")]);
    }

    #[test]
    fn two_changes_at_once_are_one() {
        check(&[
            (0, "a=1+1", "stable a"),
            (100, "a=2+1", ""),
            (200, "a=2+2", ""),
            (300, "a=2+2", ""),
            (400, "a=2+2", "stable a"),
        ]);
        check(&[(0, "a=1 b=1", "stable a, stable b"), (100, "a=2 b=2", ""), (300, "a=2 b=2", "stable a, stable b")]);
    }

    #[test]
    fn a_manifest_comes_at_once_and_goes_slowly() {
        check(&[
            (0, "a=1", "stable a"),
            (100, "a=1+1", ""),
            (300, "a=1+1", "stable a"),
            (400, "a=1", ""),
            (600, "a=1", ""),
            (1_300, "a=1+2", ""),
            (1_500, "a=1+2", "stable a"),
            (1_600, "a=1", ""),
            (2_600, "a=1", "stable a"),
        ]);
    }

    #[test]
    fn a_link_to_nowhere_is_a_change_and_no_removal() {
        check(&[
            (0, "a=1", "stable a"),
            (100, "a=broken", ""),
            (1_100, "a=broken", "stable a"),
            (9_000, "a=broken", ""),
        ]);
    }

    #[test]
    fn a_directory_that_vanishes_drains_nothing() {
        check(&[
            (0, "a=1 b=1", "stable a, stable b"),
            (100, "lost", "lost"),
            (60_000, "lost", ""),
            (60_100, "a=1 b=2", "found"),
            (60_300, "a=1 b=2", "stable b"),
        ]);
        // An unmounted file system: another directory, empty.
        check(&[
            (0, "a=1", "stable a"),
            (100, "other", "lost"),
            (60_000, "other", ""),
            (60_100, "a=1", "found"),
            (60_200, "a=1", ""),
        ]);
        check(&[(0, "lost", "lost"), (100, "lost", ""), (200, "a=1", "found, stable a")]);
    }

    #[test]
    fn a_directory_that_took_the_place_of_another_has_time_to_be_filled() {
        check(&[
            (0, "a=1 b=1 c=1", "stable a, stable b, stable c"),
            (100, "other a=2", "moved without b c"),
            (300, "other a=2", "stable a"),
            (5_000, "other a=2 b=3", ""),
            (5_200, "other a=2 b=3", "stable b"),
            (10_000, "other a=2 b=3", ""),
            (10_100, "other a=2 b=3", "removed c"),
            (10_200, "other a=2", ""),
            (11_200, "other a=2", "removed b"),
        ]);
        // Deleted and made again, one file after the other.
        check(&[
            (0, "a=1 b=1", "stable a, stable b"),
            (100, "b=1", ""),
            (200, "lost", "lost"),
            (60_000, "a=1", "found, moved without b"),
            (69_900, "a=1", ""),
            (69_950, "a=1 b=1", ""),
            (80_000, "a=1 b=1", ""),
        ]);
    }

    #[test]
    fn removing_the_last_file_of_the_same_directory_is_believed() {
        check(&[(0, "a=1", "stable a"), (100, "", ""), (1_100, "", "removed a")]);
    }

    #[test]
    fn strange_files_are_told_once() {
        check(&[
            (0, "?Bad.wasm a=1", "strange Bad.wasm, stable a"),
            (100, "?Bad.wasm a=1", ""),
            (200, "a=1", ""),
            (300, "?Bad.wasm a=1", "strange Bad.wasm"),
        ]);
    }
}
