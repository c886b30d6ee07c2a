//! Generated from `wit` by `make bindings`: do not edit.

#[allow(unfulfilled_lint_expectations, unused_imports)]
use crate::bindings::host::types as __with_name0;
#[allow(unfulfilled_lint_expectations, unused_imports)]
use crate::bindings::host::sessions as __with_name1;
#[rustfmt::skip]
#[allow(dead_code, clippy::all)]
pub mod exports {
    pub mod wasmcast {
        pub mod auth {
            /// The hook `auth`. Absent in all plugins: the static access rules hold.
            #[allow(dead_code, async_fn_in_trait, unused_imports, clippy::all)]
            pub mod check {
                #[used]
                #[doc(hidden)]
                static __FORCE_SECTION_REF: fn() = super::super::super::super::__link_custom_section_describing_imports;
                use super::super::super::super::_rt;
                pub type Attribute = super::super::super::super::__with_name0::Attribute;
                pub type Session = super::super::super::super::__with_name1::Session;
                /// What the session gets. Options left none put no limit.
                #[derive(Clone)]
                pub struct Grant {
                    /// Who it is: shown in logs and API, and the key of rules per subject.
                    pub subject: ::core::option::Option<_rt::String>,
                    /// Go on under this stream name: turns a secret stream key into the public name, or an alias into the real one.
                    /// Fixed by the first answer. The operator's `match.stream` must cover it; other plugins are not asked about it.
                    pub stream_name: ::core::option::Option<_rt::String>,
                    /// Ask again after this time, at most a second late; below 1,000 counts as 1,000. None: never, save by `revoke`.
                    pub ttl_ms: ::core::option::Option<u32>,
                    /// Publish: ceiling of the ingest. Play: only renditions up to it are sent.
                    pub max_bitrate_kbps: ::core::option::Option<u32>,
                    /// Publish: most viewers at once of this stream, on this node. Ignored for others.
                    pub max_viewers: ::core::option::Option<u32>,
                    /// Handed to later plugins, filters, events and the API (claims, tenant, plan). They replace those of the last
                    /// answer. Keys starting with `wasmcast.` are kept for further limits; unknown ones of them are an error.
                    pub tags: _rt::Vec<Attribute>,
                }
                impl ::core::fmt::Debug for Grant {
                    fn fmt(
                        &self,
                        f: &mut ::core::fmt::Formatter<'_>,
                    ) -> ::core::fmt::Result {
                        f.debug_struct("Grant")
                            .field("subject", &self.subject)
                            .field("stream-name", &self.stream_name)
                            .field("ttl-ms", &self.ttl_ms)
                            .field("max-bitrate-kbps", &self.max_bitrate_kbps)
                            .field("max-viewers", &self.max_viewers)
                            .field("tags", &self.tags)
                            .finish()
                    }
                }
                /// How it is refused.
                #[derive(Clone)]
                pub struct Denial {
                    /// HTTP status, 400 to 599; others become 403. Other protocols refuse in their own way.
                    pub status: u16,
                    /// Shown to the client: no secrets, no internals. At most 200 bytes.
                    pub reason: _rt::String,
                    /// When another try may succeed; becomes `Retry-After`.
                    pub retry_after_ms: ::core::option::Option<u32>,
                }
                impl ::core::fmt::Debug for Denial {
                    fn fmt(
                        &self,
                        f: &mut ::core::fmt::Formatter<'_>,
                    ) -> ::core::fmt::Result {
                        f.debug_struct("Denial")
                            .field("status", &self.status)
                            .field("reason", &self.reason)
                            .field("retry-after-ms", &self.retry_after_ms)
                            .finish()
                    }
                }
                /// The answer.
                #[derive(Clone)]
                pub enum Decision {
                    /// Let it in; no further auth plugin is asked.
                    Allow(Grant),
                    /// Refuse; ends the session if it runs already.
                    Deny(Denial),
                    /// No opinion: the next auth plugin is asked, and after the last one the static access rules.
                    Abstain,
                }
                impl ::core::fmt::Debug for Decision {
                    fn fmt(
                        &self,
                        f: &mut ::core::fmt::Formatter<'_>,
                    ) -> ::core::fmt::Result {
                        match self {
                            Decision::Allow(e) => {
                                f.debug_tuple("Decision::Allow").field(e).finish()
                            }
                            Decision::Deny(e) => {
                                f.debug_tuple("Decision::Deny").field(e).finish()
                            }
                            Decision::Abstain => {
                                f.debug_tuple("Decision::Abstain").finish()
                            }
                        }
                    }
                }
                #[doc(hidden)]
                #[allow(non_snake_case, unused_unsafe)]
                pub unsafe fn _export_authorize_cabi<T_: Guest>(arg0: i32) -> *mut u8 {
                    unsafe {
                        #[cfg(target_arch = "wasm32")] _rt::run_ctors_once();
                        let result1 = {
                            let handle0;
                            T_::authorize({
                                handle0 = super::super::super::super::__with_name1::Session::from_handle(
                                    arg0 as u32,
                                );
                                &handle0
                            })
                        };
                        let ptr2 = (&raw mut _RET_AREA.0).cast::<u8>();
                        match result1 {
                            Ok(e) => {
                                *ptr2.add(0).cast::<u8>() = (0i32) as u8;
                                match e {
                                    Decision::Allow(e) => {
                                        *ptr2
                                            .add(::core::mem::size_of::<*const u8>())
                                            .cast::<u8>() = (0i32) as u8;
                                        let Grant {
                                            subject: subject3,
                                            stream_name: stream_name3,
                                            ttl_ms: ttl_ms3,
                                            max_bitrate_kbps: max_bitrate_kbps3,
                                            max_viewers: max_viewers3,
                                            tags: tags3,
                                        } = e;
                                        match subject3 {
                                            Some(e) => {
                                                *ptr2
                                                    .add(2 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<u8>() = (1i32) as u8;
                                                let vec4 = (e.into_bytes()).into_boxed_slice();
                                                let ptr4 = vec4.as_ptr().cast::<u8>();
                                                let len4 = vec4.len();
                                                ::core::mem::forget(vec4);
                                                *ptr2
                                                    .add(4 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<usize>() = len4;
                                                *ptr2
                                                    .add(3 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<*mut u8>() = ptr4.cast_mut();
                                            }
                                            None => {
                                                *ptr2
                                                    .add(2 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<u8>() = (0i32) as u8;
                                            }
                                        };
                                        match stream_name3 {
                                            Some(e) => {
                                                *ptr2
                                                    .add(5 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<u8>() = (1i32) as u8;
                                                let vec5 = (e.into_bytes()).into_boxed_slice();
                                                let ptr5 = vec5.as_ptr().cast::<u8>();
                                                let len5 = vec5.len();
                                                ::core::mem::forget(vec5);
                                                *ptr2
                                                    .add(7 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<usize>() = len5;
                                                *ptr2
                                                    .add(6 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<*mut u8>() = ptr5.cast_mut();
                                            }
                                            None => {
                                                *ptr2
                                                    .add(5 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<u8>() = (0i32) as u8;
                                            }
                                        };
                                        match ttl_ms3 {
                                            Some(e) => {
                                                *ptr2
                                                    .add(8 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<u8>() = (1i32) as u8;
                                                *ptr2
                                                    .add(4 + 8 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<i32>() = _rt::as_i32(e);
                                            }
                                            None => {
                                                *ptr2
                                                    .add(8 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<u8>() = (0i32) as u8;
                                            }
                                        };
                                        match max_bitrate_kbps3 {
                                            Some(e) => {
                                                *ptr2
                                                    .add(8 + 8 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<u8>() = (1i32) as u8;
                                                *ptr2
                                                    .add(12 + 8 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<i32>() = _rt::as_i32(e);
                                            }
                                            None => {
                                                *ptr2
                                                    .add(8 + 8 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<u8>() = (0i32) as u8;
                                            }
                                        };
                                        match max_viewers3 {
                                            Some(e) => {
                                                *ptr2
                                                    .add(16 + 8 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<u8>() = (1i32) as u8;
                                                *ptr2
                                                    .add(20 + 8 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<i32>() = _rt::as_i32(e);
                                            }
                                            None => {
                                                *ptr2
                                                    .add(16 + 8 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<u8>() = (0i32) as u8;
                                            }
                                        };
                                        let vec9 = tags3;
                                        let len9 = vec9.len();
                                        let layout9 = _rt::alloc::Layout::from_size_align(
                                                vec9.len() * (4 * ::core::mem::size_of::<*const u8>()),
                                                ::core::mem::size_of::<*const u8>(),
                                            )
                                            .unwrap();
                                        let (result9, _cleanup9) = wit_bindgen::rt::Cleanup::new(
                                            layout9,
                                        );
                                        if let Some(cleanup) = _cleanup9 {
                                            cleanup.forget();
                                        }
                                        for (i, e) in vec9.into_iter().enumerate() {
                                            let base = result9
                                                .add(i * (4 * ::core::mem::size_of::<*const u8>()));
                                            {
                                                let super::super::super::super::__with_name0::Attribute {
                                                    key: key6,
                                                    value: value6,
                                                } = e;
                                                let vec7 = (key6.into_bytes()).into_boxed_slice();
                                                let ptr7 = vec7.as_ptr().cast::<u8>();
                                                let len7 = vec7.len();
                                                ::core::mem::forget(vec7);
                                                *base
                                                    .add(::core::mem::size_of::<*const u8>())
                                                    .cast::<usize>() = len7;
                                                *base.add(0).cast::<*mut u8>() = ptr7.cast_mut();
                                                let vec8 = (value6.into_bytes()).into_boxed_slice();
                                                let ptr8 = vec8.as_ptr().cast::<u8>();
                                                let len8 = vec8.len();
                                                ::core::mem::forget(vec8);
                                                *base
                                                    .add(3 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<usize>() = len8;
                                                *base
                                                    .add(2 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<*mut u8>() = ptr8.cast_mut();
                                            }
                                        }
                                        *ptr2
                                            .add(24 + 9 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>() = len9;
                                        *ptr2
                                            .add(24 + 8 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>() = result9;
                                    }
                                    Decision::Deny(e) => {
                                        *ptr2
                                            .add(::core::mem::size_of::<*const u8>())
                                            .cast::<u8>() = (1i32) as u8;
                                        let Denial {
                                            status: status10,
                                            reason: reason10,
                                            retry_after_ms: retry_after_ms10,
                                        } = e;
                                        *ptr2
                                            .add(2 * ::core::mem::size_of::<*const u8>())
                                            .cast::<u16>() = (_rt::as_i32(status10)) as u16;
                                        let vec11 = (reason10.into_bytes()).into_boxed_slice();
                                        let ptr11 = vec11.as_ptr().cast::<u8>();
                                        let len11 = vec11.len();
                                        ::core::mem::forget(vec11);
                                        *ptr2
                                            .add(4 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>() = len11;
                                        *ptr2
                                            .add(3 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>() = ptr11.cast_mut();
                                        match retry_after_ms10 {
                                            Some(e) => {
                                                *ptr2
                                                    .add(5 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<u8>() = (1i32) as u8;
                                                *ptr2
                                                    .add(4 + 5 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<i32>() = _rt::as_i32(e);
                                            }
                                            None => {
                                                *ptr2
                                                    .add(5 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<u8>() = (0i32) as u8;
                                            }
                                        };
                                    }
                                    Decision::Abstain => {
                                        *ptr2
                                            .add(::core::mem::size_of::<*const u8>())
                                            .cast::<u8>() = (2i32) as u8;
                                    }
                                }
                            }
                            Err(e) => {
                                *ptr2.add(0).cast::<u8>() = (1i32) as u8;
                                let vec12 = (e.into_bytes()).into_boxed_slice();
                                let ptr12 = vec12.as_ptr().cast::<u8>();
                                let len12 = vec12.len();
                                ::core::mem::forget(vec12);
                                *ptr2
                                    .add(2 * ::core::mem::size_of::<*const u8>())
                                    .cast::<usize>() = len12;
                                *ptr2
                                    .add(::core::mem::size_of::<*const u8>())
                                    .cast::<*mut u8>() = ptr12.cast_mut();
                            }
                        };
                        ptr2
                    }
                }
                #[doc(hidden)]
                #[allow(non_snake_case)]
                pub unsafe fn __post_return_authorize<T_: Guest>(arg0: *mut u8) {
                    unsafe {
                        let l0 = i32::from(*arg0.add(0).cast::<u8>());
                        match l0 {
                            0 => {
                                let l1 = i32::from(
                                    *arg0.add(::core::mem::size_of::<*const u8>()).cast::<u8>(),
                                );
                                match l1 {
                                    0 => {
                                        let l2 = i32::from(
                                            *arg0
                                                .add(2 * ::core::mem::size_of::<*const u8>())
                                                .cast::<u8>(),
                                        );
                                        match l2 {
                                            0 => {}
                                            _ => {
                                                let l3 = *arg0
                                                    .add(3 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<*mut u8>();
                                                let l4 = *arg0
                                                    .add(4 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<usize>();
                                                _rt::cabi_dealloc(l3, l4, 1);
                                            }
                                        }
                                        let l5 = i32::from(
                                            *arg0
                                                .add(5 * ::core::mem::size_of::<*const u8>())
                                                .cast::<u8>(),
                                        );
                                        match l5 {
                                            0 => {}
                                            _ => {
                                                let l6 = *arg0
                                                    .add(6 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<*mut u8>();
                                                let l7 = *arg0
                                                    .add(7 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<usize>();
                                                _rt::cabi_dealloc(l6, l7, 1);
                                            }
                                        }
                                        let l8 = *arg0
                                            .add(24 + 8 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>();
                                        let l9 = *arg0
                                            .add(24 + 9 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>();
                                        let base14 = l8;
                                        let len14 = l9;
                                        for i in 0..len14 {
                                            let base = base14
                                                .add(i * (4 * ::core::mem::size_of::<*const u8>()));
                                            {
                                                let l10 = *base.add(0).cast::<*mut u8>();
                                                let l11 = *base
                                                    .add(::core::mem::size_of::<*const u8>())
                                                    .cast::<usize>();
                                                _rt::cabi_dealloc(l10, l11, 1);
                                                let l12 = *base
                                                    .add(2 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<*mut u8>();
                                                let l13 = *base
                                                    .add(3 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<usize>();
                                                _rt::cabi_dealloc(l12, l13, 1);
                                            }
                                        }
                                        _rt::cabi_dealloc(
                                            base14,
                                            len14 * (4 * ::core::mem::size_of::<*const u8>()),
                                            ::core::mem::size_of::<*const u8>(),
                                        );
                                    }
                                    1 => {
                                        let l15 = *arg0
                                            .add(3 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>();
                                        let l16 = *arg0
                                            .add(4 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>();
                                        _rt::cabi_dealloc(l15, l16, 1);
                                    }
                                    _ => {}
                                }
                            }
                            _ => {
                                let l17 = *arg0
                                    .add(::core::mem::size_of::<*const u8>())
                                    .cast::<*mut u8>();
                                let l18 = *arg0
                                    .add(2 * ::core::mem::size_of::<*const u8>())
                                    .cast::<usize>();
                                _rt::cabi_dealloc(l17, l18, 1);
                            }
                        }
                    }
                }
                pub trait Guest {
                    /// Called when a session starts, when its ttl ends, and after `revoke`; never per packet or HLS segment. Each time the
                    /// whole chain of auth plugins is asked, in order, up to the first that does not abstain. Several calls may run at
                    /// once, in different instances.
                    #[allow(async_fn_in_trait)]
                    fn authorize(
                        session: &Session,
                    ) -> ::core::result::Result<Decision, _rt::String>;
                }
                #[doc(hidden)]
                #[macro_export]
                macro_rules! __export_wasmcast_auth_check_0_1_0_cabi {
                    ($ty:ident with_types_in $($path_to_types:tt)*) => {
                        const _ : () = { #[unsafe (export_name =
                        "wasmcast:auth/check@0.1.0#authorize")] unsafe extern "C" fn
                        export_authorize(arg0 : i32,) -> * mut u8 { unsafe {
                        $($path_to_types)*:: _export_authorize_cabi::<$ty > (arg0) } }
                        #[unsafe (export_name =
                        "cabi_post_wasmcast:auth/check@0.1.0#authorize")] unsafe extern
                        "C" fn _post_return_authorize(arg0 : * mut u8,) { unsafe {
                        $($path_to_types)*:: __post_return_authorize::<$ty > (arg0) } }
                        };
                    };
                }
                #[doc(hidden)]
                pub use __export_wasmcast_auth_check_0_1_0_cabi;
                #[cfg_attr(target_pointer_width = "64", repr(align(8)))]
                #[cfg_attr(target_pointer_width = "32", repr(align(4)))]
                struct _RetArea(
                    [::core::mem::MaybeUninit<
                        u8,
                    >; 24 + 10 * ::core::mem::size_of::<*const u8>()],
                );
                static mut _RET_AREA: _RetArea = _RetArea(
                    [::core::mem::MaybeUninit::uninit(); 24
                        + 10 * ::core::mem::size_of::<*const u8>()],
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
    pub fn as_i32<T: AsI32>(t: T) -> i32 {
        t.as_i32()
    }
    pub trait AsI32 {
        fn as_i32(self) -> i32;
    }
    impl<'a, T: Copy + AsI32> AsI32 for &'a T {
        fn as_i32(self) -> i32 {
            (*self).as_i32()
        }
    }
    impl AsI32 for i32 {
        #[inline]
        fn as_i32(self) -> i32 {
            self as i32
        }
    }
    impl AsI32 for u32 {
        #[inline]
        fn as_i32(self) -> i32 {
            self as i32
        }
    }
    impl AsI32 for i16 {
        #[inline]
        fn as_i32(self) -> i32 {
            self as i32
        }
    }
    impl AsI32 for u16 {
        #[inline]
        fn as_i32(self) -> i32 {
            self as i32
        }
    }
    impl AsI32 for i8 {
        #[inline]
        fn as_i32(self) -> i32 {
            self as i32
        }
    }
    impl AsI32 for u8 {
        #[inline]
        fn as_i32(self) -> i32 {
            self as i32
        }
    }
    impl AsI32 for char {
        #[inline]
        fn as_i32(self) -> i32 {
            self as i32
        }
    }
    impl AsI32 for usize {
        #[inline]
        fn as_i32(self) -> i32 {
            self as i32
        }
    }
    pub use alloc_crate::alloc;
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
macro_rules! __export_auth_check_impl {
    ($ty:ident) => {
        wasmcast_plugin::__private::check::export!($ty with_types_in
        wasmcast_plugin::__private::check);
    };
    ($ty:ident with_types_in $($path_to_types_root:tt)*) => {
        $($path_to_types_root)*::
        exports::wasmcast::auth::check::__export_wasmcast_auth_check_0_1_0_cabi!($ty
        with_types_in $($path_to_types_root)*:: exports::wasmcast::auth::check); const _
        : () = { #[rustfmt::skip] #[cfg(target_arch = "wasm32")] #[unsafe (link_section =
        "component-type:wit-bindgen:0.61.1:wasmcast:rust:auth-check:imports and exports")]
        #[doc(hidden)] #[allow(clippy::octal_escapes)] pub static
        __WIT_BINDGEN_COMPONENT_TYPE : [u8; 1282] = *
        b"\
\0asm\x0d\0\x01\0\0\x19\x16wit-component-encoding\x04\0\x07\x81\x09\x01A\x02\x01\
A\x08\x01B\x04\x01r\x02\x03keys\x05values\x04\0\x09attribute\x03\0\0\x01r\x03\x04\
codes\x07messages\x09retryable\x7f\x04\0\x0ahost-error\x03\0\x02\x03\0\x19wasmca\
st:host/types@0.1.0\x05\0\x01B\x1e\x01m\x03\x07publish\x04play\x05admin\x04\0\x06\
action\x03\0\0\x04\0\x07session\x03\x01\x01h\x02\x01@\x01\x04self\x03\0s\x04\0\x12\
[method]session.id\x01\x04\x01@\x01\x04self\x03\0\x01\x04\0\x16[method]session.a\
ction\x01\x05\x04\0\x18[method]session.protocol\x01\x04\x04\0\x16[method]session\
.method\x01\x04\x04\0\x14[method]session.path\x01\x04\x04\0\x1b[method]session.s\
tream-name\x01\x04\x01ks\x01@\x01\x04self\x03\0\x06\x04\0\x19[method]session.ren\
dition\x01\x07\x04\0\x19[method]session.remote-ip\x01\x04\x04\0\x17[method]sessi\
on.country\x01\x07\x04\0\x16[method]session.device\x01\x07\x01@\x02\x04self\x03\x04\
names\0\x06\x04\0\x16[method]session.header\x01\x08\x04\0\x15[method]session.que\
ry\x01\x08\x04\0\x15[method]session.token\x01\x07\x04\0\x19[method]session.spiff\
e-id\x01\x07\x04\0\"[method]session.certificate-sha256\x01\x07\x04\0\x17[method]\
session.subject\x01\x07\x01@\x02\x04self\x03\x03keys\0\x06\x04\0\x13[method]sess\
ion.tag\x01\x09\x01@\x01\x04self\x03\0w\x04\0\x16[method]session.age-ms\x01\x0a\x04\
\0\x14[method]session.json\x01\x04\x03\0\x1cwasmcast:host/sessions@0.1.0\x05\x01\
\x02\x03\0\0\x09attribute\x02\x03\0\x01\x07session\x01B\x11\x02\x03\x02\x01\x02\x04\
\0\x09attribute\x03\0\0\x02\x03\x02\x01\x03\x04\0\x07session\x03\0\x02\x01ks\x01\
ky\x01p\x01\x01r\x06\x07subject\x04\x0bstream-name\x04\x06ttl-ms\x05\x10max-bitr\
ate-kbps\x05\x0bmax-viewers\x05\x04tags\x06\x04\0\x05grant\x03\0\x07\x01r\x03\x06\
status{\x06reasons\x0eretry-after-ms\x05\x04\0\x06denial\x03\0\x09\x01q\x03\x05a\
llow\x01\x08\0\x04deny\x01\x0a\0\x07abstain\0\0\x04\0\x08decision\x03\0\x0b\x01h\
\x03\x01j\x01\x0c\x01s\x01@\x01\x07session\x0d\0\x0e\x04\0\x09authorize\x01\x0f\x04\
\0\x19wasmcast:auth/check@0.1.0\x05\x04\x04\0\x18wasmcast:rust/auth-check\x04\0\x0b\
\x10\x01\0\x0aauth-check\x03\0\0\0G\x09producers\x01\x0cprocessed-by\x02\x0dwit-\
component\x070.258.3\x10wit-bindgen-rust\x060.61.1";
        };
    };
}
#[doc(inline)]
pub use __export_auth_check_impl as export;
#[rustfmt::skip]
#[cfg(target_arch = "wasm32")]
#[unsafe(
    link_section = "component-type:wit-bindgen:0.61.1:wasmcast:rust:auth-check-with-all-of-its-exports-removed:encoded world"
)]
#[doc(hidden)]
#[allow(clippy::octal_escapes)]
pub static __WIT_BINDGEN_COMPONENT_TYPE: [u8; 1031] = *b"\
\0asm\x0d\0\x01\0\0\x19\x16wit-component-encoding\x04\0\x07\xe6\x06\x01A\x02\x01\
A\x04\x01B\x04\x01r\x02\x03keys\x05values\x04\0\x09attribute\x03\0\0\x01r\x03\x04\
codes\x07messages\x09retryable\x7f\x04\0\x0ahost-error\x03\0\x02\x03\0\x19wasmca\
st:host/types@0.1.0\x05\0\x01B\x1e\x01m\x03\x07publish\x04play\x05admin\x04\0\x06\
action\x03\0\0\x04\0\x07session\x03\x01\x01h\x02\x01@\x01\x04self\x03\0s\x04\0\x12\
[method]session.id\x01\x04\x01@\x01\x04self\x03\0\x01\x04\0\x16[method]session.a\
ction\x01\x05\x04\0\x18[method]session.protocol\x01\x04\x04\0\x16[method]session\
.method\x01\x04\x04\0\x14[method]session.path\x01\x04\x04\0\x1b[method]session.s\
tream-name\x01\x04\x01ks\x01@\x01\x04self\x03\0\x06\x04\0\x19[method]session.ren\
dition\x01\x07\x04\0\x19[method]session.remote-ip\x01\x04\x04\0\x17[method]sessi\
on.country\x01\x07\x04\0\x16[method]session.device\x01\x07\x01@\x02\x04self\x03\x04\
names\0\x06\x04\0\x16[method]session.header\x01\x08\x04\0\x15[method]session.que\
ry\x01\x08\x04\0\x15[method]session.token\x01\x07\x04\0\x19[method]session.spiff\
e-id\x01\x07\x04\0\"[method]session.certificate-sha256\x01\x07\x04\0\x17[method]\
session.subject\x01\x07\x01@\x02\x04self\x03\x03keys\0\x06\x04\0\x13[method]sess\
ion.tag\x01\x09\x01@\x01\x04self\x03\0w\x04\0\x16[method]session.age-ms\x01\x0a\x04\
\0\x14[method]session.json\x01\x04\x03\0\x1cwasmcast:host/sessions@0.1.0\x05\x01\
\x04\08wasmcast:rust/auth-check-with-all-of-its-exports-removed\x04\0\x0b0\x01\0\
*auth-check-with-all-of-its-exports-removed\x03\0\0\0G\x09producers\x01\x0cproce\
ssed-by\x02\x0dwit-component\x070.258.3\x10wit-bindgen-rust\x060.61.1";
#[inline(never)]
#[doc(hidden)]
pub fn __link_custom_section_describing_imports() {
    wit_bindgen::rt::maybe_link_cabi_realloc();
}
