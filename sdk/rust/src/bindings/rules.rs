//! Generated from `wit` by `make bindings`: do not edit.

#[allow(unfulfilled_lint_expectations, unused_imports)]
use crate::bindings::host::types as __with_name0;
#[rustfmt::skip]
#[allow(dead_code, clippy::all)]
pub mod exports {
    pub mod wasmcast {
        pub mod ratelimit {
            /// The hook `ratelimit`. Absent: the limits of the configuration hold. Those hold beside a plugin's too.
            #[allow(dead_code, async_fn_in_trait, unused_imports, clippy::all)]
            pub mod rules {
                #[used]
                #[doc(hidden)]
                static __FORCE_SECTION_REF: fn() = super::super::super::super::__link_custom_section_describing_imports;
                use super::super::super::super::_rt;
                pub type Attribute = super::super::super::super::__with_name0::Attribute;
                /// A token bucket.
                #[repr(C)]
                #[derive(Clone, Copy)]
                pub struct Bucket {
                    /// Tokens added per second, 0.000001 to 10,000,000.
                    pub per_second: f64,
                    /// Tokens that the full bucket holds, 1 to 1,000,000,000; it starts full. An empty one must be full again within 366 days.
                    pub burst: f64,
                }
                impl ::core::fmt::Debug for Bucket {
                    fn fmt(
                        &self,
                        f: &mut ::core::fmt::Formatter<'_>,
                    ) -> ::core::fmt::Result {
                        f.debug_struct("Bucket")
                            .field("per-second", &self.per_second)
                            .field("burst", &self.burst)
                            .finish()
                    }
                }
                /// How much is allowed.
                #[derive(Clone, Copy)]
                pub enum Limit {
                    /// So many over time.
                    Rate(Bucket),
                    /// So many at the same time; 0 closes the door. Sessions that are there when the rule comes count, and stay. A connection
                    /// is there until it is closed, a request until its answer is through.
                    AtOnce(u32),
                    /// `decide` answers for each one; the plugin must export it. Only for `publish` and `play`, and without `per`.
                    Ask,
                }
                impl ::core::fmt::Debug for Limit {
                    fn fmt(
                        &self,
                        f: &mut ::core::fmt::Formatter<'_>,
                    ) -> ::core::fmt::Result {
                        match self {
                            Limit::Rate(e) => {
                                f.debug_tuple("Limit::Rate").field(e).finish()
                            }
                            Limit::AtOnce(e) => {
                                f.debug_tuple("Limit::AtOnce").field(e).finish()
                            }
                            Limit::Ask => f.debug_tuple("Limit::Ask").finish(),
                        }
                    }
                }
                /// One limit on one thing. What breaks a bound, or means nothing, refuses the plugin, and the operator reads why.
                #[derive(Clone)]
                pub struct Rule {
                    /// `[a-z0-9_-]{1,64}`, unique in the plugin: in metrics, logs and the refusal's text.
                    pub name: _rt::String,
                    /// What is counted: `connection` (transport connections accepted: HTTP, and TCP for media), `request` (HTTP requests),
                    /// `publish` or `play` (sessions), `ingest-kbit` (kilobits from publishers; `rate` only). An unknown one refuses the
                    /// plugin. Never counted are the operator's listener, health checks, preflights of browsers, and connections of trusted
                    /// proxies.
                    pub measure: _rt::String,
                    /// One bucket for each combination of these, at most 16: `ip`, `ip-prefix` (/24, /64), `subject`, `stream`, `country`,
                    /// `tag:KEY`. Empty: one for the node. Subject and tags are known after auth; all other rules come before it, so
                    /// that a flood does not reach the auth plugins. So `stream` is the one that was asked for, beside subject or tags the
                    /// one that auth gave. `connection` knows only the address; `request` the address, the country and, where it asks for
                    /// a session, the stream. Those that do not have one of these share a bucket. The host holds at most 100,000 buckets
                    /// a rule and forgets the longest unused.
                    pub per: _rt::Vec<_rt::String>,
                    /// Counts only where all of these hold: `action` (`publish`, `play`), `protocol`, `stream` (glob), `country`, `tag:KEY`. A
                    /// repeated key means one of its values; an unknown key refuses the plugin. Empty: always. At most 64, and none for
                    /// `connection`. Sessions count only where the manifest's match gives them to the plugin, too.
                    pub only: _rt::Vec<Attribute>,
                    /// Holds in each of these buckets.
                    pub limit: Limit,
                }
                impl ::core::fmt::Debug for Rule {
                    fn fmt(
                        &self,
                        f: &mut ::core::fmt::Formatter<'_>,
                    ) -> ::core::fmt::Result {
                        f.debug_struct("Rule")
                            .field("name", &self.name)
                            .field("measure", &self.measure)
                            .field("per", &self.per)
                            .field("only", &self.only)
                            .field("limit", &self.limit)
                            .finish()
                    }
                }
                #[doc(hidden)]
                #[allow(non_snake_case, unused_unsafe)]
                pub unsafe fn _export_rules_cabi<T_: Guest>() -> *mut u8 {
                    unsafe {
                        #[cfg(target_arch = "wasm32")] _rt::run_ctors_once();
                        let result0 = { T_::rules() };
                        let ptr1 = (&raw mut _RET_AREA.0).cast::<u8>();
                        match result0 {
                            Ok(e) => {
                                *ptr1.add(0).cast::<u8>() = (0i32) as u8;
                                let vec12 = e;
                                let len12 = vec12.len();
                                let layout12 = _rt::alloc::Layout::from_size_align(
                                        vec12.len()
                                            * (24 + 8 * ::core::mem::size_of::<*const u8>()),
                                        8,
                                    )
                                    .unwrap();
                                let (result12, _cleanup12) = wit_bindgen::rt::Cleanup::new(
                                    layout12,
                                );
                                if let Some(cleanup) = _cleanup12 {
                                    cleanup.forget();
                                }
                                for (i, e) in vec12.into_iter().enumerate() {
                                    let base = result12
                                        .add(i * (24 + 8 * ::core::mem::size_of::<*const u8>()));
                                    {
                                        let Rule {
                                            name: name2,
                                            measure: measure2,
                                            per: per2,
                                            only: only2,
                                            limit: limit2,
                                        } = e;
                                        let vec3 = (name2.into_bytes()).into_boxed_slice();
                                        let ptr3 = vec3.as_ptr().cast::<u8>();
                                        let len3 = vec3.len();
                                        ::core::mem::forget(vec3);
                                        *base
                                            .add(::core::mem::size_of::<*const u8>())
                                            .cast::<usize>() = len3;
                                        *base.add(0).cast::<*mut u8>() = ptr3.cast_mut();
                                        let vec4 = (measure2.into_bytes()).into_boxed_slice();
                                        let ptr4 = vec4.as_ptr().cast::<u8>();
                                        let len4 = vec4.len();
                                        ::core::mem::forget(vec4);
                                        *base
                                            .add(3 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>() = len4;
                                        *base
                                            .add(2 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>() = ptr4.cast_mut();
                                        let vec6 = per2;
                                        let len6 = vec6.len();
                                        let layout6 = _rt::alloc::Layout::from_size_align(
                                                vec6.len() * (2 * ::core::mem::size_of::<*const u8>()),
                                                ::core::mem::size_of::<*const u8>(),
                                            )
                                            .unwrap();
                                        let (result6, _cleanup6) = wit_bindgen::rt::Cleanup::new(
                                            layout6,
                                        );
                                        if let Some(cleanup) = _cleanup6 {
                                            cleanup.forget();
                                        }
                                        for (i, e) in vec6.into_iter().enumerate() {
                                            let base = result6
                                                .add(i * (2 * ::core::mem::size_of::<*const u8>()));
                                            {
                                                let vec5 = (e.into_bytes()).into_boxed_slice();
                                                let ptr5 = vec5.as_ptr().cast::<u8>();
                                                let len5 = vec5.len();
                                                ::core::mem::forget(vec5);
                                                *base
                                                    .add(::core::mem::size_of::<*const u8>())
                                                    .cast::<usize>() = len5;
                                                *base.add(0).cast::<*mut u8>() = ptr5.cast_mut();
                                            }
                                        }
                                        *base
                                            .add(5 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>() = len6;
                                        *base
                                            .add(4 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>() = result6;
                                        let vec10 = only2;
                                        let len10 = vec10.len();
                                        let layout10 = _rt::alloc::Layout::from_size_align(
                                                vec10.len() * (4 * ::core::mem::size_of::<*const u8>()),
                                                ::core::mem::size_of::<*const u8>(),
                                            )
                                            .unwrap();
                                        let (result10, _cleanup10) = wit_bindgen::rt::Cleanup::new(
                                            layout10,
                                        );
                                        if let Some(cleanup) = _cleanup10 {
                                            cleanup.forget();
                                        }
                                        for (i, e) in vec10.into_iter().enumerate() {
                                            let base = result10
                                                .add(i * (4 * ::core::mem::size_of::<*const u8>()));
                                            {
                                                let super::super::super::super::__with_name0::Attribute {
                                                    key: key7,
                                                    value: value7,
                                                } = e;
                                                let vec8 = (key7.into_bytes()).into_boxed_slice();
                                                let ptr8 = vec8.as_ptr().cast::<u8>();
                                                let len8 = vec8.len();
                                                ::core::mem::forget(vec8);
                                                *base
                                                    .add(::core::mem::size_of::<*const u8>())
                                                    .cast::<usize>() = len8;
                                                *base.add(0).cast::<*mut u8>() = ptr8.cast_mut();
                                                let vec9 = (value7.into_bytes()).into_boxed_slice();
                                                let ptr9 = vec9.as_ptr().cast::<u8>();
                                                let len9 = vec9.len();
                                                ::core::mem::forget(vec9);
                                                *base
                                                    .add(3 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<usize>() = len9;
                                                *base
                                                    .add(2 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<*mut u8>() = ptr9.cast_mut();
                                            }
                                        }
                                        *base
                                            .add(7 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>() = len10;
                                        *base
                                            .add(6 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>() = result10;
                                        match limit2 {
                                            Limit::Rate(e) => {
                                                *base
                                                    .add(8 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<u8>() = (0i32) as u8;
                                                let Bucket { per_second: per_second11, burst: burst11 } = e;
                                                *base
                                                    .add(8 + 8 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<f64>() = _rt::as_f64(per_second11);
                                                *base
                                                    .add(16 + 8 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<f64>() = _rt::as_f64(burst11);
                                            }
                                            Limit::AtOnce(e) => {
                                                *base
                                                    .add(8 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<u8>() = (1i32) as u8;
                                                *base
                                                    .add(8 + 8 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<i32>() = _rt::as_i32(e);
                                            }
                                            Limit::Ask => {
                                                *base
                                                    .add(8 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<u8>() = (2i32) as u8;
                                            }
                                        }
                                    }
                                }
                                *ptr1
                                    .add(2 * ::core::mem::size_of::<*const u8>())
                                    .cast::<usize>() = len12;
                                *ptr1
                                    .add(::core::mem::size_of::<*const u8>())
                                    .cast::<*mut u8>() = result12;
                            }
                            Err(e) => {
                                *ptr1.add(0).cast::<u8>() = (1i32) as u8;
                                let vec13 = (e.into_bytes()).into_boxed_slice();
                                let ptr13 = vec13.as_ptr().cast::<u8>();
                                let len13 = vec13.len();
                                ::core::mem::forget(vec13);
                                *ptr1
                                    .add(2 * ::core::mem::size_of::<*const u8>())
                                    .cast::<usize>() = len13;
                                *ptr1
                                    .add(::core::mem::size_of::<*const u8>())
                                    .cast::<*mut u8>() = ptr13.cast_mut();
                            }
                        };
                        ptr1
                    }
                }
                #[doc(hidden)]
                #[allow(non_snake_case)]
                pub unsafe fn __post_return_rules<T_: Guest>(arg0: *mut u8) {
                    unsafe {
                        let l0 = i32::from(*arg0.add(0).cast::<u8>());
                        match l0 {
                            0 => {
                                let l1 = *arg0
                                    .add(::core::mem::size_of::<*const u8>())
                                    .cast::<*mut u8>();
                                let l2 = *arg0
                                    .add(2 * ::core::mem::size_of::<*const u8>())
                                    .cast::<usize>();
                                let base19 = l1;
                                let len19 = l2;
                                for i in 0..len19 {
                                    let base = base19
                                        .add(i * (24 + 8 * ::core::mem::size_of::<*const u8>()));
                                    {
                                        let l3 = *base.add(0).cast::<*mut u8>();
                                        let l4 = *base
                                            .add(::core::mem::size_of::<*const u8>())
                                            .cast::<usize>();
                                        _rt::cabi_dealloc(l3, l4, 1);
                                        let l5 = *base
                                            .add(2 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>();
                                        let l6 = *base
                                            .add(3 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>();
                                        _rt::cabi_dealloc(l5, l6, 1);
                                        let l7 = *base
                                            .add(4 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>();
                                        let l8 = *base
                                            .add(5 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>();
                                        let base11 = l7;
                                        let len11 = l8;
                                        for i in 0..len11 {
                                            let base = base11
                                                .add(i * (2 * ::core::mem::size_of::<*const u8>()));
                                            {
                                                let l9 = *base.add(0).cast::<*mut u8>();
                                                let l10 = *base
                                                    .add(::core::mem::size_of::<*const u8>())
                                                    .cast::<usize>();
                                                _rt::cabi_dealloc(l9, l10, 1);
                                            }
                                        }
                                        _rt::cabi_dealloc(
                                            base11,
                                            len11 * (2 * ::core::mem::size_of::<*const u8>()),
                                            ::core::mem::size_of::<*const u8>(),
                                        );
                                        let l12 = *base
                                            .add(6 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>();
                                        let l13 = *base
                                            .add(7 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>();
                                        let base18 = l12;
                                        let len18 = l13;
                                        for i in 0..len18 {
                                            let base = base18
                                                .add(i * (4 * ::core::mem::size_of::<*const u8>()));
                                            {
                                                let l14 = *base.add(0).cast::<*mut u8>();
                                                let l15 = *base
                                                    .add(::core::mem::size_of::<*const u8>())
                                                    .cast::<usize>();
                                                _rt::cabi_dealloc(l14, l15, 1);
                                                let l16 = *base
                                                    .add(2 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<*mut u8>();
                                                let l17 = *base
                                                    .add(3 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<usize>();
                                                _rt::cabi_dealloc(l16, l17, 1);
                                            }
                                        }
                                        _rt::cabi_dealloc(
                                            base18,
                                            len18 * (4 * ::core::mem::size_of::<*const u8>()),
                                            ::core::mem::size_of::<*const u8>(),
                                        );
                                    }
                                }
                                _rt::cabi_dealloc(
                                    base19,
                                    len19 * (24 + 8 * ::core::mem::size_of::<*const u8>()),
                                    8,
                                );
                            }
                            _ => {
                                let l20 = *arg0
                                    .add(::core::mem::size_of::<*const u8>())
                                    .cast::<*mut u8>();
                                let l21 = *arg0
                                    .add(2 * ::core::mem::size_of::<*const u8>())
                                    .cast::<usize>();
                                _rt::cabi_dealloc(l20, l21, 1);
                            }
                        }
                    }
                }
                pub trait Guest {
                    /// Called after `init`, and again after `reconfigure`, on one instance. At most 64 rules. All rules hold together, those of
                    /// other plugins too; who is refused by one uses up nothing of the others at that moment. What exceeds one is refused with
                    /// 429 and Retry-After (connections are closed); publishers above `ingest-kbit` are told by congestion feedback an equal
                    /// share each of `per-second`, and one is ended that sends more than a quarter above its share for 5 s while its bucket
                    /// is empty. Sessions that are in are not asked about again. A rule that keeps its name keeps its buckets over a swap. An
                    /// error refuses the new generation, and the rules before stay.
                    #[allow(async_fn_in_trait)]
                    fn rules() -> ::core::result::Result<_rt::Vec<Rule>, _rt::String>;
                }
                #[doc(hidden)]
                #[macro_export]
                macro_rules! __export_wasmcast_ratelimit_rules_0_1_0_cabi {
                    ($ty:ident with_types_in $($path_to_types:tt)*) => {
                        const _ : () = { #[unsafe (export_name =
                        "wasmcast:ratelimit/rules@0.1.0#rules")] unsafe extern "C" fn
                        export_rules() -> * mut u8 { unsafe { $($path_to_types)*::
                        _export_rules_cabi::<$ty > () } } #[unsafe (export_name =
                        "cabi_post_wasmcast:ratelimit/rules@0.1.0#rules")] unsafe extern
                        "C" fn _post_return_rules(arg0 : * mut u8,) { unsafe {
                        $($path_to_types)*:: __post_return_rules::<$ty > (arg0) } } };
                    };
                }
                #[doc(hidden)]
                pub use __export_wasmcast_ratelimit_rules_0_1_0_cabi;
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
    pub use alloc_crate::alloc;
    pub fn as_f64<T: AsF64>(t: T) -> f64 {
        t.as_f64()
    }
    pub trait AsF64 {
        fn as_f64(self) -> f64;
    }
    impl<'a, T: Copy + AsF64> AsF64 for &'a T {
        fn as_f64(self) -> f64 {
            (*self).as_f64()
        }
    }
    impl AsF64 for f64 {
        #[inline]
        fn as_f64(self) -> f64 {
            self as f64
        }
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
macro_rules! __export_ratelimit_rules_impl {
    ($ty:ident) => {
        wasmcast_plugin::__private::rules::export!($ty with_types_in
        wasmcast_plugin::__private::rules);
    };
    ($ty:ident with_types_in $($path_to_types_root:tt)*) => {
        $($path_to_types_root)*::
        exports::wasmcast::ratelimit::rules::__export_wasmcast_ratelimit_rules_0_1_0_cabi!($ty
        with_types_in $($path_to_types_root)*:: exports::wasmcast::ratelimit::rules);
        const _ : () = { #[rustfmt::skip] #[cfg(target_arch = "wasm32")] #[unsafe
        (link_section =
        "component-type:wit-bindgen:0.61.1:wasmcast:rust:ratelimit-rules:imports and exports")]
        #[doc(hidden)] #[allow(clippy::octal_escapes)] pub static
        __WIT_BINDGEN_COMPONENT_TYPE : [u8; 503] = *
        b"\
\0asm\x0d\0\x01\0\0\x19\x16wit-component-encoding\x04\0\x07\xf1\x02\x01A\x02\x01\
A\x05\x01B\x04\x01r\x02\x03keys\x05values\x04\0\x09attribute\x03\0\0\x01r\x03\x04\
codes\x07messages\x09retryable\x7f\x04\0\x0ahost-error\x03\0\x02\x03\0\x19wasmca\
st:host/types@0.1.0\x05\0\x02\x03\0\0\x09attribute\x01B\x0e\x02\x03\x02\x01\x01\x04\
\0\x09attribute\x03\0\0\x01r\x02\x0aper-secondu\x05burstu\x04\0\x06bucket\x03\0\x02\
\x01q\x03\x04rate\x01\x03\0\x07at-once\x01y\0\x03ask\0\0\x04\0\x05limit\x03\0\x04\
\x01ps\x01p\x01\x01r\x05\x04names\x07measures\x03per\x06\x04only\x07\x05limit\x05\
\x04\0\x04rule\x03\0\x08\x01p\x09\x01j\x01\x0a\x01s\x01@\0\0\x0b\x04\0\x05rules\x01\
\x0c\x04\0\x1ewasmcast:ratelimit/rules@0.1.0\x05\x02\x04\0\x1dwasmcast:rust/rate\
limit-rules\x04\0\x0b\x15\x01\0\x0fratelimit-rules\x03\0\0\0G\x09producers\x01\x0c\
processed-by\x02\x0dwit-component\x070.258.3\x10wit-bindgen-rust\x060.61.1";
        };
    };
}
#[doc(inline)]
pub use __export_ratelimit_rules_impl as export;
#[rustfmt::skip]
#[cfg(target_arch = "wasm32")]
#[unsafe(
    link_section = "component-type:wit-bindgen:0.61.1:wasmcast:rust:ratelimit-rules-with-all-of-its-exports-removed:encoded world"
)]
#[doc(hidden)]
#[allow(clippy::octal_escapes)]
pub static __WIT_BINDGEN_COMPONENT_TYPE: [u8; 346] = *b"\
\0asm\x0d\0\x01\0\0\x19\x16wit-component-encoding\x04\0\x07\xb4\x01\x01A\x02\x01\
A\x02\x01B\x04\x01r\x02\x03keys\x05values\x04\0\x09attribute\x03\0\0\x01r\x03\x04\
codes\x07messages\x09retryable\x7f\x04\0\x0ahost-error\x03\0\x02\x03\0\x19wasmca\
st:host/types@0.1.0\x05\0\x04\0=wasmcast:rust/ratelimit-rules-with-all-of-its-ex\
ports-removed\x04\0\x0b5\x01\0/ratelimit-rules-with-all-of-its-exports-removed\x03\
\0\0\0G\x09producers\x01\x0cprocessed-by\x02\x0dwit-component\x070.258.3\x10wit-\
bindgen-rust\x060.61.1";
#[inline(never)]
#[doc(hidden)]
pub fn __link_custom_section_describing_imports() {
    wit_bindgen::rt::maybe_link_cabi_realloc();
}
