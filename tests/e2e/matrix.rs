//! Every publisher with every codec and every viewer: a pairwise choice always, the rest in `make test-all`.

use crate::clients::{Codec, Publisher, Viewer};
use crate::netns;
use crate::server::Setup;

/// One stream from this publisher in this codec to this viewer, through a server of its own.
fn run(name: &str, publisher: Publisher, codec: Codec, viewer: Viewer) {
    let play = |setup: Setup| {
        let server = setup.start();
        let _publisher = publisher.start(codec, &server, "cam");
        server.wait_live("cam");
        if publisher.has_audio(codec) {
            viewer.play(codec, &server, "cam").check();
        } else {
            viewer.play_video(codec, &server, "cam").check_video();
        }
    };
    if viewer.avoids_loopback() {
        let open = "access.publish = \"open\"\naccess.play = \"open\"";
        netns::within(name, |address| play(Setup::new().address(address).config(open)));
    } else {
        play(Setup::new());
    }
}

type Row = (Publisher, Codec, Viewer);

macro_rules! rows {
    ($($test:ident: $publisher:ident $codec:ident $viewer:ident;)+) => {
        use super::{Codec, Publisher, Row, Viewer};

        pub const ROWS: &[Row] = &[$((Publisher::$publisher, Codec::$codec, Viewer::$viewer)),+];

        $(
            #[test]
            fn $test() {
                let path = concat!(module_path!(), "::", stringify!($test));
                let name = path.split_once("::").map_or(path, |(_, name)| name);
                super::run(name, Publisher::$publisher, Codec::$codec, Viewer::$viewer);
            }
        )+
    };
}

/// Each possible pair of publisher and codec, codec and viewer, publisher and viewer at least once.
mod pairwise {
    rows! {
        chromium_h264_to_aiortc: Chromium H264 Aiortc;
        chromium_h264_to_chromium: Chromium H264 Chromium;
        chromium_vp8_to_firefox: Chromium Vp8 Firefox;
        chromium_vp9_to_gstreamer: Chromium Vp9 Gstreamer;
        chromium_av1_to_wasmcast: Chromium Av1 Wasmcast;
        ffmpeg_h264_to_chromium: Ffmpeg H264 Chromium;
        ffmpeg_h264_to_aiortc: Ffmpeg H264 Aiortc;
        ffmpeg_h264_to_gstreamer: Ffmpeg H264 Gstreamer;
        ffmpeg_h264_to_wasmcast: Ffmpeg H264 Wasmcast;
        aiortc_h264_to_gstreamer: Aiortc H264 Gstreamer;
        aiortc_vp8_to_chromium: Aiortc Vp8 Chromium;
        aiortc_vp8_to_firefox: Aiortc Vp8 Firefox;
        aiortc_vp8_to_aiortc: Aiortc Vp8 Aiortc;
        aiortc_vp8_to_wasmcast: Aiortc Vp8 Wasmcast;
        wasmcast_h264_to_aiortc: Wasmcast H264 Aiortc;
        wasmcast_vp8_to_gstreamer: Wasmcast Vp8 Gstreamer;
        wasmcast_vp8_to_chromium: Wasmcast Vp8 Chromium;
        wasmcast_vp9_to_chromium: Wasmcast Vp9 Chromium;
        wasmcast_vp9_to_firefox: Wasmcast Vp9 Firefox;
        wasmcast_vp9_to_wasmcast: Wasmcast Vp9 Wasmcast;
        wasmcast_av1_to_chromium: Wasmcast Av1 Chromium;
        wasmcast_av1_to_firefox: Wasmcast Av1 Firefox;
        wasmcast_h265_to_wasmcast: Wasmcast H265 Wasmcast;
    }
}

/// All the others.
mod rest {
    rows! {
        chromium_h264_to_gstreamer: Chromium H264 Gstreamer;
        chromium_h264_to_wasmcast: Chromium H264 Wasmcast;
        chromium_vp8_to_aiortc: Chromium Vp8 Aiortc;
        chromium_vp8_to_chromium: Chromium Vp8 Chromium;
        chromium_vp8_to_gstreamer: Chromium Vp8 Gstreamer;
        chromium_vp8_to_wasmcast: Chromium Vp8 Wasmcast;
        chromium_vp9_to_chromium: Chromium Vp9 Chromium;
        chromium_vp9_to_firefox: Chromium Vp9 Firefox;
        chromium_vp9_to_wasmcast: Chromium Vp9 Wasmcast;
        chromium_av1_to_chromium: Chromium Av1 Chromium;
        chromium_av1_to_firefox: Chromium Av1 Firefox;
        aiortc_h264_to_aiortc: Aiortc H264 Aiortc;
        aiortc_h264_to_chromium: Aiortc H264 Chromium;
        aiortc_h264_to_wasmcast: Aiortc H264 Wasmcast;
        aiortc_vp8_to_gstreamer: Aiortc Vp8 Gstreamer;
        wasmcast_h264_to_chromium: Wasmcast H264 Chromium;
        wasmcast_h264_to_gstreamer: Wasmcast H264 Gstreamer;
        wasmcast_h264_to_wasmcast: Wasmcast H264 Wasmcast;
        wasmcast_vp8_to_aiortc: Wasmcast Vp8 Aiortc;
        wasmcast_vp8_to_firefox: Wasmcast Vp8 Firefox;
        wasmcast_vp8_to_wasmcast: Wasmcast Vp8 Wasmcast;
        wasmcast_vp9_to_gstreamer: Wasmcast Vp9 Gstreamer;
        wasmcast_av1_to_wasmcast: Wasmcast Av1 Wasmcast;
    }
}

/// The tables themselves.
mod tables {
    use std::collections::HashSet;

    use super::{Codec, Publisher, Row, Viewer, pairwise, rest};

    fn possible() -> HashSet<Row> {
        let publishers = [Publisher::Chromium, Publisher::Ffmpeg, Publisher::Aiortc, Publisher::Wasmcast];
        let viewers = [Viewer::Chromium, Viewer::Firefox, Viewer::Aiortc, Viewer::Gstreamer, Viewer::Wasmcast];
        let mut rows = HashSet::new();
        for publisher in publishers {
            for codec in publisher.codecs() {
                rows.extend(
                    viewers
                        .iter()
                        .filter(|viewer| viewer.codecs().contains(codec))
                        .map(|viewer| (publisher, *codec, *viewer)),
                );
            }
        }
        rows
    }

    #[test]
    fn hold_every_combination_once() {
        let listed: Vec<Row> = pairwise::ROWS.iter().chain(rest::ROWS).copied().collect();
        let once: HashSet<Row> = listed.iter().copied().collect();
        assert_eq!(listed.len(), once.len(), "a combination is listed twice");
        let missing: Vec<_> = possible().difference(&once).copied().collect();
        let impossible: Vec<_> = once.difference(&possible()).copied().collect();
        assert!(missing.is_empty() && impossible.is_empty(), "missing {missing:?}, impossible {impossible:?}");
    }

    #[test]
    fn pairwise_holds_every_pair() {
        fn pairs(rows: impl Iterator<Item = Row> + Clone) -> HashSet<String> {
            let publisher_codec = rows.clone().map(|(publisher, codec, _)| format!("{publisher:?} sends {codec:?}"));
            let codec_viewer = rows.clone().map(|(_, codec, viewer)| format!("{viewer:?} plays {codec:?}"));
            let ends = rows.map(|(publisher, _, viewer)| format!("{publisher:?} to {viewer:?}"));
            publisher_codec.chain(codec_viewer).chain(ends).collect()
        }
        let (wanted, covered) =
            (pairs(possible().into_iter().collect::<Vec<_>>().into_iter()), pairs(pairwise::ROWS.iter().copied()));
        let missing: Vec<&String> = wanted.difference(&covered).collect();
        assert!(missing.is_empty(), "not in the pairwise choice: {missing:?}");
    }

    #[test]
    fn codecs_have_the_names_that_peers_know() {
        assert_eq!([Codec::H264, Codec::Vp8].map(Codec::name), ["H264", "VP8"]);
    }
}
