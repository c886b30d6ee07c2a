//! The boxes around a description and around a frame.

use super::Description;
use crate::media::MediaKind;
use bytes::Bytes;
use mp4_atom::{
    Dinf, Dref, DrefEntry, Encode, FourCC, Ftyp, Hdlr, Mdhd, Mdia, Mfhd, Minf, Moof, Moov, Mvex, Mvhd, Smhd, Stbl,
    Stsd, Tfdt, Tfhd, Tkhd, Traf, Trak, Trex, Trun, TrunEntry, Url, Vmhd,
};

/// Each track is the first of its own file.
const TRACK: u32 = 1;
/// Flags of a sample that can be decoded by itself (8.8.3.1): depends on no other.
const SYNC: u32 = 0x0200_0000;
/// Of one that depends on others, and where decoding can not start.
const DELTA: u32 = 0x0101_0000;

pub(super) fn init(description: &Description) -> Bytes {
    let is_video = description.codec.kind() == MediaKind::Video;
    let timescale = description.codec.clock_rate();
    let (width, height) = description.size;
    let brands = [b"iso6", b"cmfc", b"mp41"].map(FourCC::new).to_vec();
    let ftyp = Ftyp { major_brand: FourCC::new(b"iso6"), minor_version: 0, compatible_brands: brands };
    let minf = Minf {
        vmhd: is_video.then(Vmhd::default),
        smhd: (!is_video).then(Smhd::default),
        dinf: Dinf { dref: Dref { entries: vec![DrefEntry::Url(Url { location: String::new() })] } },
        stbl: Stbl { stsd: Stsd { codecs: vec![description.entry.clone()] }, ..Stbl::default() },
        ..Minf::default()
    };
    let (handler, name) = if is_video { (b"vide", "video") } else { (b"soun", "sound") };
    let moov = Moov {
        mvhd: Mvhd { timescale, rate: 1.into(), volume: 1.into(), next_track_id: TRACK + 1, ..Mvhd::default() },
        mvex: Some(Mvex {
            mehd: None,
            trex: vec![Trex { track_id: TRACK, default_sample_description_index: 1, ..Trex::default() }],
        }),
        trak: vec![Trak {
            tkhd: Tkhd {
                track_id: TRACK,
                enabled: true,
                in_movie: true,
                volume: u8::from(!is_video).into(),
                width: width.into(),
                height: height.into(),
                ..Tkhd::default()
            },
            mdia: Mdia {
                mdhd: Mdhd { timescale, language: "und".to_owned(), ..Mdhd::default() },
                hdlr: Hdlr { handler: FourCC::new(handler), name: name.to_owned() },
                minf,
            },
            ..Trak::default()
        }],
        ..Moov::default()
    };
    let mut out = Vec::with_capacity(1_024);
    ftyp.encode(&mut out).expect("a box of few bytes");
    moov.encode(&mut out).expect("parameter sets fit their boxes, they were read from frames of bounded size");
    out.into()
}

pub(super) fn fragment(number: u32, time: u64, duration: u32, keyframe: bool, sample: &[u8]) -> Bytes {
    let entry = TrunEntry {
        duration: Some(duration),
        size: Some(sample.len() as u32),
        flags: Some(if keyframe { SYNC } else { DELTA }),
        ..TrunEntry::default()
    };
    let mut moof = Moof {
        mfhd: Mfhd { sequence_number: number },
        traf: vec![Traf {
            tfhd: Tfhd { track_id: TRACK, default_base_is_moof: true, ..Tfhd::default() },
            tfdt: Some(Tfdt { base_media_decode_time: time }),
            trun: vec![Trun { data_offset: Some(0), samples: vec![entry].into() }],
            ..Traf::default()
        }],
    };
    let mut head = Vec::with_capacity(128);
    moof.encode(&mut head).expect("a box of few bytes");
    // The offset of the data is as long whatever it says.
    moof.traf[0].trun[0].data_offset = Some(head.len() as i32 + 8);
    let mut out = Vec::with_capacity(head.len() + 8 + sample.len());
    moof.encode(&mut out).expect("a box of few bytes");
    out.extend((8 + sample.len() as u32).to_be_bytes());
    out.extend(b"mdat");
    out.extend(sample);
    out.into()
}
