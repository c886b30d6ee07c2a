//! What was written is read back by the reader of files, frame by frame; descriptions are those of real encoders' streams.

use super::*;
use crate::protocol::container::MediaFile;

macro_rules! media {
    ($name:literal) => {
        MediaFile::open(&Bytes::from_static(include_bytes!(concat!("../../../tests/data/media/", $name))), 10.0)
            .unwrap()
    };
}

/// The frames of the first track.
fn frames(file: &MediaFile) -> Vec<Frame> {
    file.frames().map(|frame| frame.expect("it can be read")).filter(|frame| frame.track == 0).collect()
}

/// A file with the description and all frames.
fn write(description: &Description, frames: &[Frame]) -> MediaFile {
    let mut out = description.init().to_vec();
    for (index, frame) in frames.iter().enumerate() {
        out.extend(description.fragment(index as u32 + 1, frame.pts, frame.duration, frame));
    }
    MediaFile::open(&Bytes::from(out), 10.0).expect("it opens")
}

#[test]
fn frames_come_back_as_they_went() {
    let rows = [
        ("h264", media!("clip.h264"), "video/mp4; codecs=\"avc1."),
        ("h265", media!("h265.mp4"), "video/mp4; codecs=\"hvc1.1.6.L30.90\""),
        ("vp9", media!("vp9.ivf"), "video/mp4; codecs=\"vp09.00.21.08\""),
        ("av1", media!("av1.ivf"), "video/mp4; codecs=\"av01.0.00M.08\""),
    ];
    for (name, file, mime_type) in rows {
        let sent = frames(&file);
        let description = Description::of_keyframe(&sent[0]).expect(name);
        assert!(description.mime_type().starts_with(mime_type), "{name}: {}", description.mime_type());
        assert_eq!(description.size(), (96, 64), "{name}");
        let back = write(&description, &sent);
        assert_eq!(back.tracks()[0].codec, description.codec(), "{name}");
        let got = frames(&back);
        assert_eq!(got.len(), sent.len(), "{name}");
        for (got, sent) in got.iter().zip(&sent) {
            assert_eq!((got.pts, got.duration, got.keyframe), (sent.pts, sent.duration, sent.keyframe), "{name}");
            // The reader puts parameter sets in front of keyframes again.
            assert_eq!(describe::sample(got), describe::sample(sent), "{name}");
        }
        assert_eq!(Description::of_keyframe(&got[0]), Ok(description), "{name}");
    }
}

#[test]
fn sound_comes_back() {
    let file = media!("h264_opus.mp4");
    let sent: Vec<Frame> = file.frames().map(Result::unwrap).filter(|frame| frame.codec == Codec::Opus).collect();
    let description = Description::opus(2);
    assert_eq!(description.mime_type(), "audio/mp4; codecs=\"opus\"");
    let got = frames(&write(&description, &sent));
    assert_eq!(got.len(), sent.len());
    assert!(got.iter().zip(&sent).all(|(got, sent)| got.data == sent.data && got.duration == sent.duration));
}

#[test]
fn what_can_not_be_described_says_why() {
    let vp8 = frames(&media!("vp8.ivf"));
    let words = |frame: &Frame| Description::of_keyframe(frame).map(drop).unwrap_err().to_string();
    assert!(words(&vp8[0]).contains("VP8 can not be carried"), "{}", words(&vp8[0]));
    let h264 = frames(&media!("clip.h264"));
    assert!(words(&h264[1]).contains("no sequence parameter set"), "{}", words(&h264[1]));
    for file in [media!("clip.h264"), media!("h265.mp4"), media!("vp9.ivf"), media!("av1.ivf")] {
        let key = frames(&file).swap_remove(0);
        for length in 0..key.data.len() {
            let cut = Frame { data: key.data.slice(..length), ..key.clone() };
            _ = Description::of_keyframe(&cut).map(|description| description.fragment(1, 0, 1, &cut));
        }
    }
}
