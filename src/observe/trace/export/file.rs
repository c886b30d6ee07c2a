//! The file exporter: OTLP as JSON, a trace a line (OpenTelemetry's file exporter format), in a bounded file.

use super::encode::Source;
use super::{Item, Trouble};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// A file, and the one before it. Together they hold what was configured.
pub(super) struct Log {
    path: PathBuf,
    max_bytes: u64,
    source: Source,
    open: Option<Open>,
    trouble: Trouble,
}

struct Open {
    file: File,
    length: u64,
}

impl Log {
    pub(super) fn new(path: PathBuf, max_bytes: u64, source: Source) -> Self {
        Log { path, max_bytes, source, open: None, trouble: Trouble::default() }
    }

    /// Writes traces; tells how many spans were lost.
    pub(super) async fn write(&mut self, batch: &[Item]) -> usize {
        let mut lines = Vec::with_capacity(batch.len());
        for item in batch {
            let request = self.source.request(std::iter::once(&item.trace));
            let mut line = serde_json::to_vec(&request).expect("every trace has a JSON form");
            line.push(b'\n');
            lines.push((line, item.trace.spans.len()));
        }
        let (path, limit, open) = (self.path.clone(), self.max_bytes / 2, self.open.take());
        let all: usize = lines.iter().map(|(_, spans)| spans).sum();
        // A disk may hang: that must not hold up other tasks.
        let written = tokio::task::spawn_blocking(move || write(&path, limit, open, &lines)).await;
        match written {
            Ok((open, lost, error)) => {
                self.open = open;
                match error {
                    Some(error) => self.trouble.began(&format!("the file {}: {error}", self.path.display())),
                    None => self.trouble.over(),
                }
                lost
            }
            Err(_) => all,
        }
    }
}

/// Writes what can be written. Returns the file, spans that were lost, and why.
fn write(
    path: &Path,
    limit: u64,
    mut open: Option<Open>,
    lines: &[(Vec<u8>, usize)],
) -> (Option<Open>, usize, Option<io::Error>) {
    let (mut lost, mut trouble) = (0, None);
    for (line, spans) in lines {
        if let Err(error) = put(path, limit, &mut open, line) {
            // A line that was written in part is ended by the next look at the file.
            open = None;
            lost += spans;
            trouble = Some(error);
        }
    }
    (open, lost, trouble)
}

fn put(path: &Path, limit: u64, open: &mut Option<Open>, line: &[u8]) -> io::Result<()> {
    if line.len() as u64 > limit {
        return Err(io::Error::other("one trace is larger than half of trace.file_mib"));
    }
    // Somebody else may have moved it.
    if !path.exists() {
        *open = None;
    }
    if open.as_ref().is_some_and(|open| open.length + line.len() as u64 > limit) {
        *open = None;
        std::fs::rename(path, older(path))?;
    }
    if open.is_none() {
        let mut file = OpenOptions::new().append(true).create(true).open(path)?;
        let mut length = file.metadata()?.len();
        if length + line.len() as u64 > limit {
            std::fs::rename(path, older(path))?;
            file = OpenOptions::new().append(true).create(true).open(path)?;
            length = 0;
        }
        *open = Some(Open { file, length });
    }
    let Some(open) = open else { return Err(io::ErrorKind::NotFound.into()) };
    open.file.write_all(line)?;
    open.length += line.len() as u64;
    Ok(())
}

/// Where the full file goes.
fn older(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".1");
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_and_the_one_before_it_stay_within_bounds() {
        let directory = std::env::temp_dir().join(format!("wasmcast-traces-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&directory);
        let path = directory.join("traces.jsonl");
        let line = |index: usize| (format!("{index:0>99}\n").into_bytes(), 3);
        let lines: Vec<_> = (0..25).map(line).collect();
        let (open, lost, error) = write(&path, 1_000, None, &lines);
        assert!(open.is_none() && lost == 75 && error.is_some(), "there is no directory");
        std::fs::create_dir(&directory).unwrap();
        let (open, lost, error) = write(&path, 1_000, None, &lines);
        assert!(open.is_some() && lost == 0 && error.is_none(), "{error:?}");
        let size = |path: &Path| std::fs::metadata(path).unwrap().len();
        assert_eq!((size(&path), size(&older(&path))), (500, 1_000));
        // After a restart it goes on where it was; a moved file is begun anew.
        let (open, ..) = write(&path, 1_000, None, &lines[..5]);
        assert_eq!(size(&path), 1_000);
        std::fs::remove_file(&path).unwrap();
        let (open, ..) = write(&path, 1_000, open, &lines[..1]);
        assert_eq!(size(&path), 100);
        let (_, lost, error) = write(&path, 1_000, open, &[(vec![b'x'; 2_000], 7)]);
        assert!(lost == 7 && error.is_some());
        std::fs::remove_dir_all(&directory).unwrap();
    }
}
