//! Generated from `wit` by `make bindings`: do not edit.

#[rustfmt::skip]
#[allow(dead_code, clippy::all)]
pub mod exports {
    pub mod wasmcast {
        pub mod observer {
            /// How the tracks are doing.
            #[allow(dead_code, async_fn_in_trait, unused_imports, clippy::all)]
            pub mod stats {
                #[used]
                #[doc(hidden)]
                static __FORCE_SECTION_REF: fn() = super::super::super::super::__link_custom_section_describing_imports;
                use super::super::super::super::_rt;
                /// A number beyond the fixed ones.
                #[derive(Clone)]
                pub struct Extra {
                    /// As in the manifest's `extras`.
                    pub name: _rt::String,
                    /// In the unit that its documentation gives.
                    pub value: f64,
                }
                impl ::core::fmt::Debug for Extra {
                    fn fmt(
                        &self,
                        f: &mut ::core::fmt::Formatter<'_>,
                    ) -> ::core::fmt::Result {
                        f.debug_struct("Extra")
                            .field("name", &self.name)
                            .field("value", &self.value)
                            .finish()
                    }
                }
                /// One track of one session over the last interval.
                #[derive(Clone)]
                pub struct TrackStats {
                    /// The public name.
                    pub stream_name: _rt::String,
                    /// Publisher or viewer.
                    pub session_id: _rt::String,
                    /// The rendition or simulcast layer; empty for the source.
                    pub rendition: _rt::String,
                    /// `audio` or `video`.
                    pub kind: _rt::String,
                    /// True: from a publisher to the server. False: from the server to a viewer.
                    pub inbound: bool,
                    /// Payload, mean of the interval.
                    pub bitrate_kbps: u32,
                    /// Frames per second; 0 for audio.
                    pub frame_rate: f32,
                    /// Packets lost on the network, 0 to 1, before retransmission.
                    pub loss: f32,
                    /// Round trip; 0 while unknown.
                    pub rtt_ms: f32,
                    /// Interarrival jitter (RFC 3550, 6.4.1); 0 while unknown.
                    pub jitter_ms: f32,
                    /// Packets asked for again.
                    pub nacks: u32,
                    /// Keyframes asked for.
                    pub keyframe_requests: u32,
                    /// Frames that the server left out, since the viewer was too slow.
                    pub skipped_frames: u32,
                    /// Only those that the manifest asks for by name, where known.
                    pub extras: _rt::Vec<Extra>,
                }
                impl ::core::fmt::Debug for TrackStats {
                    fn fmt(
                        &self,
                        f: &mut ::core::fmt::Formatter<'_>,
                    ) -> ::core::fmt::Result {
                        f.debug_struct("TrackStats")
                            .field("stream-name", &self.stream_name)
                            .field("session-id", &self.session_id)
                            .field("rendition", &self.rendition)
                            .field("kind", &self.kind)
                            .field("inbound", &self.inbound)
                            .field("bitrate-kbps", &self.bitrate_kbps)
                            .field("frame-rate", &self.frame_rate)
                            .field("loss", &self.loss)
                            .field("rtt-ms", &self.rtt_ms)
                            .field("jitter-ms", &self.jitter_ms)
                            .field("nacks", &self.nacks)
                            .field("keyframe-requests", &self.keyframe_requests)
                            .field("skipped-frames", &self.skipped_frames)
                            .field("extras", &self.extras)
                            .finish()
                    }
                }
                #[doc(hidden)]
                #[allow(non_snake_case, unused_unsafe)]
                pub unsafe fn _export_on_stats_cabi<T_: Guest>(
                    arg0: i64,
                    arg1: *mut u8,
                    arg2: usize,
                ) {
                    unsafe {
                        #[cfg(target_arch = "wasm32")] _rt::run_ctors_once();
                        {
                            let base28 = arg1;
                            let len28 = arg2;
                            let mut result28 = _rt::Vec::with_capacity(len28);
                            for i in 0..len28 {
                                let base = base28
                                    .add(i * (32 + 11 * ::core::mem::size_of::<*const u8>()));
                                let e28 = {
                                    let l0 = *base.add(0).cast::<*mut u8>();
                                    let l1 = *base
                                        .add(::core::mem::size_of::<*const u8>())
                                        .cast::<usize>();
                                    let len2 = l1;
                                    let bytes2 = _rt::Vec::from_raw_parts(
                                        l0.cast(),
                                        len2,
                                        len2,
                                    );
                                    let l3 = *base
                                        .add(2 * ::core::mem::size_of::<*const u8>())
                                        .cast::<*mut u8>();
                                    let l4 = *base
                                        .add(3 * ::core::mem::size_of::<*const u8>())
                                        .cast::<usize>();
                                    let len5 = l4;
                                    let bytes5 = _rt::Vec::from_raw_parts(
                                        l3.cast(),
                                        len5,
                                        len5,
                                    );
                                    let l6 = *base
                                        .add(4 * ::core::mem::size_of::<*const u8>())
                                        .cast::<*mut u8>();
                                    let l7 = *base
                                        .add(5 * ::core::mem::size_of::<*const u8>())
                                        .cast::<usize>();
                                    let len8 = l7;
                                    let bytes8 = _rt::Vec::from_raw_parts(
                                        l6.cast(),
                                        len8,
                                        len8,
                                    );
                                    let l9 = *base
                                        .add(6 * ::core::mem::size_of::<*const u8>())
                                        .cast::<*mut u8>();
                                    let l10 = *base
                                        .add(7 * ::core::mem::size_of::<*const u8>())
                                        .cast::<usize>();
                                    let len11 = l10;
                                    let bytes11 = _rt::Vec::from_raw_parts(
                                        l9.cast(),
                                        len11,
                                        len11,
                                    );
                                    let l12 = i32::from(
                                        *base
                                            .add(8 * ::core::mem::size_of::<*const u8>())
                                            .cast::<u8>(),
                                    );
                                    let l13 = *base
                                        .add(4 + 8 * ::core::mem::size_of::<*const u8>())
                                        .cast::<i32>();
                                    let l14 = *base
                                        .add(8 + 8 * ::core::mem::size_of::<*const u8>())
                                        .cast::<f32>();
                                    let l15 = *base
                                        .add(12 + 8 * ::core::mem::size_of::<*const u8>())
                                        .cast::<f32>();
                                    let l16 = *base
                                        .add(16 + 8 * ::core::mem::size_of::<*const u8>())
                                        .cast::<f32>();
                                    let l17 = *base
                                        .add(20 + 8 * ::core::mem::size_of::<*const u8>())
                                        .cast::<f32>();
                                    let l18 = *base
                                        .add(24 + 8 * ::core::mem::size_of::<*const u8>())
                                        .cast::<i32>();
                                    let l19 = *base
                                        .add(28 + 8 * ::core::mem::size_of::<*const u8>())
                                        .cast::<i32>();
                                    let l20 = *base
                                        .add(32 + 8 * ::core::mem::size_of::<*const u8>())
                                        .cast::<i32>();
                                    let l21 = *base
                                        .add(32 + 9 * ::core::mem::size_of::<*const u8>())
                                        .cast::<*mut u8>();
                                    let l22 = *base
                                        .add(32 + 10 * ::core::mem::size_of::<*const u8>())
                                        .cast::<usize>();
                                    let base27 = l21;
                                    let len27 = l22;
                                    let mut result27 = _rt::Vec::with_capacity(len27);
                                    for i in 0..len27 {
                                        let base = base27
                                            .add(i * (8 + 2 * ::core::mem::size_of::<*const u8>()));
                                        let e27 = {
                                            let l23 = *base.add(0).cast::<*mut u8>();
                                            let l24 = *base
                                                .add(::core::mem::size_of::<*const u8>())
                                                .cast::<usize>();
                                            let len25 = l24;
                                            let bytes25 = _rt::Vec::from_raw_parts(
                                                l23.cast(),
                                                len25,
                                                len25,
                                            );
                                            let l26 = *base
                                                .add(2 * ::core::mem::size_of::<*const u8>())
                                                .cast::<f64>();
                                            Extra {
                                                name: _rt::string_lift(bytes25),
                                                value: l26,
                                            }
                                        };
                                        result27.push(e27);
                                    }
                                    _rt::cabi_dealloc(
                                        base27,
                                        len27 * (8 + 2 * ::core::mem::size_of::<*const u8>()),
                                        8,
                                    );
                                    TrackStats {
                                        stream_name: _rt::string_lift(bytes2),
                                        session_id: _rt::string_lift(bytes5),
                                        rendition: _rt::string_lift(bytes8),
                                        kind: _rt::string_lift(bytes11),
                                        inbound: _rt::bool_lift(l12 as u8),
                                        bitrate_kbps: l13 as u32,
                                        frame_rate: l14,
                                        loss: l15,
                                        rtt_ms: l16,
                                        jitter_ms: l17,
                                        nacks: l18 as u32,
                                        keyframe_requests: l19 as u32,
                                        skipped_frames: l20 as u32,
                                        extras: result27,
                                    }
                                };
                                result28.push(e28);
                            }
                            _rt::cabi_dealloc(
                                base28,
                                len28 * (32 + 11 * ::core::mem::size_of::<*const u8>()),
                                ::core::mem::size_of::<*const u8>(),
                            );
                            T_::on_stats(arg0 as u64, result28)
                        };
                    }
                }
                pub trait Guest {
                    /// Called every interval (manifest, 5 s, at least 1 s) with all tracks that the manifest's match selects, in parts
                    /// of at most 1,000. Not repeated after a failure.
                    #[allow(async_fn_in_trait)]
                    fn on_stats(unix_ns: u64, batch: _rt::Vec<TrackStats>) -> ();
                }
                #[doc(hidden)]
                #[macro_export]
                macro_rules! __export_wasmcast_observer_stats_0_1_0_cabi {
                    ($ty:ident with_types_in $($path_to_types:tt)*) => {
                        const _ : () = { #[unsafe (export_name =
                        "wasmcast:observer/stats@0.1.0#on-stats")] unsafe extern "C" fn
                        export_on_stats(arg0 : i64, arg1 : * mut u8, arg2 : usize,) {
                        unsafe { $($path_to_types)*:: _export_on_stats_cabi::<$ty >
                        (arg0, arg1, arg2) } } };
                    };
                }
                #[doc(hidden)]
                pub use __export_wasmcast_observer_stats_0_1_0_cabi;
            }
        }
    }
}
#[rustfmt::skip]
mod _rt {
    #![allow(dead_code, unused_imports, clippy::all)]
    pub use alloc_crate::string::String;
    pub use alloc_crate::vec::Vec;
    #[cfg(target_arch = "wasm32")]
    pub fn run_ctors_once() {
        wit_bindgen::rt::run_ctors_once();
    }
    pub unsafe fn string_lift(bytes: Vec<u8>) -> String {
        if cfg!(debug_assertions) {
            String::from_utf8(bytes).unwrap()
        } else {
            unsafe { String::from_utf8_unchecked(bytes) }
        }
    }
    pub unsafe fn bool_lift(val: u8) -> bool {
        if cfg!(debug_assertions) {
            match val {
                0 => false,
                1 => true,
                _ => panic!("invalid bool discriminant"),
            }
        } else {
            val != 0
        }
    }
    pub unsafe fn cabi_dealloc(ptr: *mut u8, size: usize, align: usize) {
        if size == 0 {
            return;
        }
        unsafe {
            let layout = alloc::Layout::from_size_align_unchecked(size, align);
            alloc::dealloc(ptr, layout);
        }
    }
    extern crate alloc as alloc_crate;
    pub use alloc_crate::alloc;
}
/// Generates `#[unsafe(no_mangle)]` functions to export the specified type as
/// the root implementation of all generated traits.
///
/// For more information see the documentation of `wit_bindgen::generate!`.
///
/// ```rust
/// # macro_rules! export{ ($($t:tt)*) => (); }
/// # trait Guest {}
/// struct MyType;
///
/// impl Guest for MyType {
///     // ...
/// }
///
/// export!(MyType);
/// ```
#[allow(unused_macros)]
#[doc(hidden)]
#[macro_export]
macro_rules! __export_observer_stats_impl {
    ($ty:ident) => {
        wasmcast_plugin::__private::stats::export!($ty with_types_in
        wasmcast_plugin::__private::stats);
    };
    ($ty:ident with_types_in $($path_to_types_root:tt)*) => {
        $($path_to_types_root)*::
        exports::wasmcast::observer::stats::__export_wasmcast_observer_stats_0_1_0_cabi!($ty
        with_types_in $($path_to_types_root)*:: exports::wasmcast::observer::stats);
        const _ : () = { #[rustfmt::skip] #[cfg(target_arch = "wasm32")] #[unsafe
        (link_section =
        "component-type:wit-bindgen:0.61.1:wasmcast:rust:observer-stats:imports and exports")]
        #[doc(hidden)] #[allow(clippy::octal_escapes)] pub static
        __WIT_BINDGEN_COMPONENT_TYPE : [u8; 448] = *
        b"\
\0asm\x0d\0\x01\0\0\x19\x16wit-component-encoding\x04\0\x07\xbb\x02\x01A\x02\x01\
A\x02\x01B\x08\x01r\x02\x04names\x05valueu\x04\0\x05extra\x03\0\0\x01p\x01\x01r\x0e\
\x0bstream-names\x0asession-ids\x09renditions\x04kinds\x07inbound\x7f\x0cbitrate\
-kbpsy\x0aframe-ratev\x04lossv\x06rtt-msv\x09jitter-msv\x05nacksy\x11keyframe-re\
questsy\x0eskipped-framesy\x06extras\x02\x04\0\x0btrack-stats\x03\0\x03\x01p\x04\
\x01@\x02\x07unix-nsw\x05batch\x05\x01\0\x04\0\x08on-stats\x01\x06\x04\0\x1dwasm\
cast:observer/stats@0.1.0\x05\0\x04\0\x1cwasmcast:rust/observer-stats\x04\0\x0b\x14\
\x01\0\x0eobserver-stats\x03\0\0\0G\x09producers\x01\x0cprocessed-by\x02\x0dwit-\
component\x070.258.3\x10wit-bindgen-rust\x060.61.1";
        };
    };
}
#[doc(inline)]
pub use __export_observer_stats_impl as export;
#[rustfmt::skip]
#[cfg(target_arch = "wasm32")]
#[unsafe(
    link_section = "component-type:wit-bindgen:0.61.1:wasmcast:rust:observer-stats-with-all-of-its-exports-removed:encoded world"
)]
#[doc(hidden)]
#[allow(clippy::octal_escapes)]
pub static __WIT_BINDGEN_COMPONENT_TYPE: [u8; 235] = *b"\
\0asm\x0d\0\x01\0\0\x19\x16wit-component-encoding\x04\0\x07G\x01A\x02\x01A\0\x04\
\0<wasmcast:rust/observer-stats-with-all-of-its-exports-removed\x04\0\x0b4\x01\0\
.observer-stats-with-all-of-its-exports-removed\x03\0\0\0G\x09producers\x01\x0cp\
rocessed-by\x02\x0dwit-component\x070.258.3\x10wit-bindgen-rust\x060.61.1";
#[inline(never)]
#[doc(hidden)]
pub fn __link_custom_section_describing_imports() {
    wit_bindgen::rt::maybe_link_cabi_realloc();
}
