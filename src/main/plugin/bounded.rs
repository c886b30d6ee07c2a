//! Reads files that somebody named, as far as they may be long: a device or a disk image must not fill the memory.

use super::Failure;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

/// Longest manifest.
pub const MAX_MANIFEST: usize = 1 << 20;

/// The content, at most this many bytes.
pub fn read(file: &Path, most: usize) -> Result<Vec<u8>, Failure> {
    let failed = || Failure::file("cannot read", file);
    let mut content = Vec::new();
    // To open a pipe waits for who writes it.
    if std::fs::metadata(file).map_err(failed())?.file_type().is_fifo() {
        return Err(Failure::Failed(format!("{} is a pipe; name a file", file.display())));
    }
    let opened = File::open(file).map_err(failed())?;
    opened.take(most as u64 + 1).read_to_end(&mut content).map_err(failed())?;
    if content.len() > most {
        let text =
            format!("{} is longer than {} MiB, the most that is read of such a file", file.display(), most >> 20);
        return Err(Failure::Failed(text));
    }
    Ok(content)
}

/// The content as text.
pub fn read_text(file: &Path, most: usize) -> Result<String, Failure> {
    let text = String::from_utf8(read(file, most)?);
    text.map_err(|_| Failure::Failed(format!("{} is no text in UTF-8", file.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_without_an_end_is_not_read_into_memory() {
        let error = read(Path::new("/dev/zero"), 1 << 20).unwrap_err().to_string();
        assert_eq!(error, "/dev/zero is longer than 1 MiB, the most that is read of such a file");
        assert!(read(Path::new("/dev/null"), 1 << 20).unwrap().is_empty());
        assert!(matches!(read(Path::new("/nowhere"), 1), Err(Failure::File { .. })));
    }
}
