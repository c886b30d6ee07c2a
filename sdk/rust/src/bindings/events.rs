//! Generated from `wit` by `make bindings`: do not edit.

#[allow(unfulfilled_lint_expectations, unused_imports)]
use crate::bindings::host::types as __with_name0;
#[rustfmt::skip]
#[allow(dead_code, clippy::all)]
pub mod exports {
    pub mod wasmcast {
        pub mod observer {
            /// Things that happened.
            #[allow(dead_code, async_fn_in_trait, unused_imports, clippy::all)]
            pub mod events {
                #[used]
                #[doc(hidden)]
                static __FORCE_SECTION_REF: fn() = super::super::super::super::__link_custom_section_describing_imports;
                use super::super::super::super::_rt;
                pub type Attribute = super::super::super::super::__with_name0::Attribute;
                /// One event.
                #[derive(Clone)]
                pub struct Event {
                    /// Rises by one per event of this node since its start; a gap is what was dropped or filtered.
                    pub sequence: u64,
                    /// When it happened.
                    pub unix_ns: u64,
                    /// Dotted: `session.started`, `session.ended`, `session.denied`, `stream.started`, `stream.ended`,
                    /// `rendition.started`, `plugin.failed`, ... Open set; the manifest selects by glob.
                    pub kind: _rt::String,
                    /// Empty when it concerns none.
                    pub stream_name: _rt::String,
                    /// Empty when it concerns none.
                    pub session_id: _rt::String,
                    /// What the kind documents, with `node`; credentials never.
                    pub attributes: _rt::Vec<Attribute>,
                }
                impl ::core::fmt::Debug for Event {
                    fn fmt(
                        &self,
                        f: &mut ::core::fmt::Formatter<'_>,
                    ) -> ::core::fmt::Result {
                        f.debug_struct("Event")
                            .field("sequence", &self.sequence)
                            .field("unix-ns", &self.unix_ns)
                            .field("kind", &self.kind)
                            .field("stream-name", &self.stream_name)
                            .field("session-id", &self.session_id)
                            .field("attributes", &self.attributes)
                            .finish()
                    }
                }
                #[doc(hidden)]
                #[allow(non_snake_case, unused_unsafe)]
                pub unsafe fn _export_on_events_cabi<T_: Guest>(
                    arg0: *mut u8,
                    arg1: usize,
                ) -> *mut u8 {
                    unsafe {
                        #[cfg(target_arch = "wasm32")] _rt::run_ctors_once();
                        let result21 = {
                            let base20 = arg0;
                            let len20 = arg1;
                            let mut result20 = _rt::Vec::with_capacity(len20);
                            for i in 0..len20 {
                                let base = base20
                                    .add(i * (16 + 8 * ::core::mem::size_of::<*const u8>()));
                                let e20 = {
                                    let l0 = *base.add(0).cast::<i64>();
                                    let l1 = *base.add(8).cast::<i64>();
                                    let l2 = *base.add(16).cast::<*mut u8>();
                                    let l3 = *base
                                        .add(16 + 1 * ::core::mem::size_of::<*const u8>())
                                        .cast::<usize>();
                                    let len4 = l3;
                                    let bytes4 = _rt::Vec::from_raw_parts(
                                        l2.cast(),
                                        len4,
                                        len4,
                                    );
                                    let l5 = *base
                                        .add(16 + 2 * ::core::mem::size_of::<*const u8>())
                                        .cast::<*mut u8>();
                                    let l6 = *base
                                        .add(16 + 3 * ::core::mem::size_of::<*const u8>())
                                        .cast::<usize>();
                                    let len7 = l6;
                                    let bytes7 = _rt::Vec::from_raw_parts(
                                        l5.cast(),
                                        len7,
                                        len7,
                                    );
                                    let l8 = *base
                                        .add(16 + 4 * ::core::mem::size_of::<*const u8>())
                                        .cast::<*mut u8>();
                                    let l9 = *base
                                        .add(16 + 5 * ::core::mem::size_of::<*const u8>())
                                        .cast::<usize>();
                                    let len10 = l9;
                                    let bytes10 = _rt::Vec::from_raw_parts(
                                        l8.cast(),
                                        len10,
                                        len10,
                                    );
                                    let l11 = *base
                                        .add(16 + 6 * ::core::mem::size_of::<*const u8>())
                                        .cast::<*mut u8>();
                                    let l12 = *base
                                        .add(16 + 7 * ::core::mem::size_of::<*const u8>())
                                        .cast::<usize>();
                                    let base19 = l11;
                                    let len19 = l12;
                                    let mut result19 = _rt::Vec::with_capacity(len19);
                                    for i in 0..len19 {
                                        let base = base19
                                            .add(i * (4 * ::core::mem::size_of::<*const u8>()));
                                        let e19 = {
                                            let l13 = *base.add(0).cast::<*mut u8>();
                                            let l14 = *base
                                                .add(::core::mem::size_of::<*const u8>())
                                                .cast::<usize>();
                                            let len15 = l14;
                                            let bytes15 = _rt::Vec::from_raw_parts(
                                                l13.cast(),
                                                len15,
                                                len15,
                                            );
                                            let l16 = *base
                                                .add(2 * ::core::mem::size_of::<*const u8>())
                                                .cast::<*mut u8>();
                                            let l17 = *base
                                                .add(3 * ::core::mem::size_of::<*const u8>())
                                                .cast::<usize>();
                                            let len18 = l17;
                                            let bytes18 = _rt::Vec::from_raw_parts(
                                                l16.cast(),
                                                len18,
                                                len18,
                                            );
                                            super::super::super::super::__with_name0::Attribute {
                                                key: _rt::string_lift(bytes15),
                                                value: _rt::string_lift(bytes18),
                                            }
                                        };
                                        result19.push(e19);
                                    }
                                    _rt::cabi_dealloc(
                                        base19,
                                        len19 * (4 * ::core::mem::size_of::<*const u8>()),
                                        ::core::mem::size_of::<*const u8>(),
                                    );
                                    Event {
                                        sequence: l0 as u64,
                                        unix_ns: l1 as u64,
                                        kind: _rt::string_lift(bytes4),
                                        stream_name: _rt::string_lift(bytes7),
                                        session_id: _rt::string_lift(bytes10),
                                        attributes: result19,
                                    }
                                };
                                result20.push(e20);
                            }
                            _rt::cabi_dealloc(
                                base20,
                                len20 * (16 + 8 * ::core::mem::size_of::<*const u8>()),
                                8,
                            );
                            T_::on_events(result20)
                        };
                        let ptr22 = (&raw mut _RET_AREA.0).cast::<u8>();
                        match result21 {
                            Ok(_) => {
                                *ptr22.add(0).cast::<u8>() = (0i32) as u8;
                            }
                            Err(e) => {
                                *ptr22.add(0).cast::<u8>() = (1i32) as u8;
                                let vec23 = (e.into_bytes()).into_boxed_slice();
                                let ptr23 = vec23.as_ptr().cast::<u8>();
                                let len23 = vec23.len();
                                ::core::mem::forget(vec23);
                                *ptr22
                                    .add(2 * ::core::mem::size_of::<*const u8>())
                                    .cast::<usize>() = len23;
                                *ptr22
                                    .add(::core::mem::size_of::<*const u8>())
                                    .cast::<*mut u8>() = ptr23.cast_mut();
                            }
                        };
                        ptr22
                    }
                }
                #[doc(hidden)]
                #[allow(non_snake_case)]
                pub unsafe fn __post_return_on_events<T_: Guest>(arg0: *mut u8) {
                    unsafe {
                        let l0 = i32::from(*arg0.add(0).cast::<u8>());
                        match l0 {
                            0 => {}
                            _ => {
                                let l1 = *arg0
                                    .add(::core::mem::size_of::<*const u8>())
                                    .cast::<*mut u8>();
                                let l2 = *arg0
                                    .add(2 * ::core::mem::size_of::<*const u8>())
                                    .cast::<usize>();
                                _rt::cabi_dealloc(l1, l2, 1);
                            }
                        }
                    }
                }
                pub trait Guest {
                    /// Called when 256 events wait, or the oldest has waited 1 s (both configurable). On an error the host delivers the
                    /// same batch again, with backoff from 1 s to 60 s, until it succeeds or the queue (10,000 events) overflows: so each
                    /// event arrives at least once, in order, and the plugin needs no retries of its own.
                    #[allow(async_fn_in_trait)]
                    fn on_events(
                        batch: _rt::Vec<Event>,
                    ) -> ::core::result::Result<(), _rt::String>;
                }
                #[doc(hidden)]
                #[macro_export]
                macro_rules! __export_wasmcast_observer_events_0_1_0_cabi {
                    ($ty:ident with_types_in $($path_to_types:tt)*) => {
                        const _ : () = { #[unsafe (export_name =
                        "wasmcast:observer/events@0.1.0#on-events")] unsafe extern "C" fn
                        export_on_events(arg0 : * mut u8, arg1 : usize,) -> * mut u8 {
                        unsafe { $($path_to_types)*:: _export_on_events_cabi::<$ty >
                        (arg0, arg1) } } #[unsafe (export_name =
                        "cabi_post_wasmcast:observer/events@0.1.0#on-events")] unsafe
                        extern "C" fn _post_return_on_events(arg0 : * mut u8,) { unsafe {
                        $($path_to_types)*:: __post_return_on_events::<$ty > (arg0) } }
                        };
                    };
                }
                #[doc(hidden)]
                pub use __export_wasmcast_observer_events_0_1_0_cabi;
                #[cfg_attr(target_pointer_width = "64", repr(align(8)))]
                #[cfg_attr(target_pointer_width = "32", repr(align(4)))]
                struct _RetArea(
                    [::core::mem::MaybeUninit<
                        u8,
                    >; 3 * ::core::mem::size_of::<*const u8>()],
                );
                static mut _RET_AREA: _RetArea = _RetArea(
                    [::core::mem::MaybeUninit::uninit(); 3
                        * ::core::mem::size_of::<*const u8>()],
                );
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
macro_rules! __export_observer_events_impl {
    ($ty:ident) => {
        wasmcast_plugin::__private::events::export!($ty with_types_in
        wasmcast_plugin::__private::events);
    };
    ($ty:ident with_types_in $($path_to_types_root:tt)*) => {
        $($path_to_types_root)*::
        exports::wasmcast::observer::events::__export_wasmcast_observer_events_0_1_0_cabi!($ty
        with_types_in $($path_to_types_root)*:: exports::wasmcast::observer::events);
        const _ : () = { #[rustfmt::skip] #[cfg(target_arch = "wasm32")] #[unsafe
        (link_section =
        "component-type:wit-bindgen:0.61.1:wasmcast:rust:observer-events:imports and exports")]
        #[doc(hidden)] #[allow(clippy::octal_escapes)] pub static
        __WIT_BINDGEN_COMPONENT_TYPE : [u8; 467] = *
        b"\
\0asm\x0d\0\x01\0\0\x19\x16wit-component-encoding\x04\0\x07\xcd\x02\x01A\x02\x01\
A\x05\x01B\x04\x01r\x02\x03keys\x05values\x04\0\x09attribute\x03\0\0\x01r\x03\x04\
codes\x07messages\x09retryable\x7f\x04\0\x0ahost-error\x03\0\x02\x03\0\x19wasmca\
st:host/types@0.1.0\x05\0\x02\x03\0\0\x09attribute\x01B\x09\x02\x03\x02\x01\x01\x04\
\0\x09attribute\x03\0\0\x01p\x01\x01r\x06\x08sequencew\x07unix-nsw\x04kinds\x0bs\
tream-names\x0asession-ids\x0aattributes\x02\x04\0\x05event\x03\0\x03\x01p\x04\x01\
j\0\x01s\x01@\x01\x05batch\x05\0\x06\x04\0\x09on-events\x01\x07\x04\0\x1ewasmcas\
t:observer/events@0.1.0\x05\x02\x04\0\x1dwasmcast:rust/observer-events\x04\0\x0b\
\x15\x01\0\x0fobserver-events\x03\0\0\0G\x09producers\x01\x0cprocessed-by\x02\x0d\
wit-component\x070.258.3\x10wit-bindgen-rust\x060.61.1";
        };
    };
}
#[doc(inline)]
pub use __export_observer_events_impl as export;
#[rustfmt::skip]
#[cfg(target_arch = "wasm32")]
#[unsafe(
    link_section = "component-type:wit-bindgen:0.61.1:wasmcast:rust:observer-events-with-all-of-its-exports-removed:encoded world"
)]
#[doc(hidden)]
#[allow(clippy::octal_escapes)]
pub static __WIT_BINDGEN_COMPONENT_TYPE: [u8; 346] = *b"\
\0asm\x0d\0\x01\0\0\x19\x16wit-component-encoding\x04\0\x07\xb4\x01\x01A\x02\x01\
A\x02\x01B\x04\x01r\x02\x03keys\x05values\x04\0\x09attribute\x03\0\0\x01r\x03\x04\
codes\x07messages\x09retryable\x7f\x04\0\x0ahost-error\x03\0\x02\x03\0\x19wasmca\
st:host/types@0.1.0\x05\0\x04\0=wasmcast:rust/observer-events-with-all-of-its-ex\
ports-removed\x04\0\x0b5\x01\0/observer-events-with-all-of-its-exports-removed\x03\
\0\0\0G\x09producers\x01\x0cprocessed-by\x02\x0dwit-component\x070.258.3\x10wit-\
bindgen-rust\x060.61.1";
#[inline(never)]
#[doc(hidden)]
pub fn __link_custom_section_describing_imports() {
    wit_bindgen::rt::maybe_link_cabi_realloc();
}
