//! Generated from `wit` by `make bindings`: do not edit.

#[allow(unfulfilled_lint_expectations, unused_imports)]
use crate::bindings::host::sessions as __with_name0;
#[rustfmt::skip]
#[allow(dead_code, clippy::all)]
pub mod exports {
    pub mod wasmcast {
        pub mod ratelimit {
            /// For rules that no bucket can express. Absent: a rule with `ask` is an error.
            #[allow(dead_code, async_fn_in_trait, unused_imports, clippy::all)]
            pub mod decide {
                #[used]
                #[doc(hidden)]
                static __FORCE_SECTION_REF: fn() = super::super::super::super::__link_custom_section_describing_imports;
                use super::super::super::super::_rt;
                pub type Session = super::super::super::super::__with_name0::Session;
                /// The answer.
                #[derive(Clone, Copy)]
                pub enum Verdict {
                    /// Let it in.
                    Admit,
                    /// Refuse with 429; milliseconds until another try may succeed, at most a day, 0 if unknown (the client is told 10 s).
                    Refuse(u32),
                }
                impl ::core::fmt::Debug for Verdict {
                    fn fmt(
                        &self,
                        f: &mut ::core::fmt::Formatter<'_>,
                    ) -> ::core::fmt::Result {
                        match self {
                            Verdict::Admit => f.debug_tuple("Verdict::Admit").finish(),
                            Verdict::Refuse(e) => {
                                f.debug_tuple("Verdict::Refuse").field(e).finish()
                            }
                        }
                    }
                }
                #[doc(hidden)]
                #[allow(non_snake_case, unused_unsafe)]
                pub unsafe fn _export_decide_cabi<T_: Guest>(
                    arg0: i32,
                    arg1: *mut u8,
                    arg2: usize,
                ) -> *mut u8 {
                    unsafe {
                        #[cfg(target_arch = "wasm32")] _rt::run_ctors_once();
                        let result2 = {
                            let handle0;
                            let len1 = arg2;
                            let bytes1 = _rt::Vec::from_raw_parts(
                                arg1.cast(),
                                len1,
                                len1,
                            );
                            T_::decide(
                                {
                                    handle0 = super::super::super::super::__with_name0::Session::from_handle(
                                        arg0 as u32,
                                    );
                                    &handle0
                                },
                                _rt::string_lift(bytes1),
                            )
                        };
                        let ptr3 = (&raw mut _RET_AREA.0).cast::<u8>();
                        match result2 {
                            Ok(e) => {
                                *ptr3.add(0).cast::<u8>() = (0i32) as u8;
                                match e {
                                    Verdict::Admit => {
                                        *ptr3
                                            .add(::core::mem::size_of::<*const u8>())
                                            .cast::<u8>() = (0i32) as u8;
                                    }
                                    Verdict::Refuse(e) => {
                                        *ptr3
                                            .add(::core::mem::size_of::<*const u8>())
                                            .cast::<u8>() = (1i32) as u8;
                                        *ptr3
                                            .add(4 + 1 * ::core::mem::size_of::<*const u8>())
                                            .cast::<i32>() = _rt::as_i32(e);
                                    }
                                }
                            }
                            Err(e) => {
                                *ptr3.add(0).cast::<u8>() = (1i32) as u8;
                                let vec4 = (e.into_bytes()).into_boxed_slice();
                                let ptr4 = vec4.as_ptr().cast::<u8>();
                                let len4 = vec4.len();
                                ::core::mem::forget(vec4);
                                *ptr3
                                    .add(2 * ::core::mem::size_of::<*const u8>())
                                    .cast::<usize>() = len4;
                                *ptr3
                                    .add(::core::mem::size_of::<*const u8>())
                                    .cast::<*mut u8>() = ptr4.cast_mut();
                            }
                        };
                        ptr3
                    }
                }
                #[doc(hidden)]
                #[allow(non_snake_case)]
                pub unsafe fn __post_return_decide<T_: Guest>(arg0: *mut u8) {
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
                    /// Called once for each session that meets a rule with `ask`, after auth and all buckets, and before the session starts.
                    /// Several calls may run at once, in different instances: what they count together belongs in `kv`, where `increment`
                    /// is atomic. An error counts as `admit`, unless the operator's policy says otherwise.
                    #[allow(async_fn_in_trait)]
                    fn decide(
                        session: &Session,
                        rule: _rt::String,
                    ) -> ::core::result::Result<Verdict, _rt::String>;
                }
                #[doc(hidden)]
                #[macro_export]
                macro_rules! __export_wasmcast_ratelimit_decide_0_1_0_cabi {
                    ($ty:ident with_types_in $($path_to_types:tt)*) => {
                        const _ : () = { #[unsafe (export_name =
                        "wasmcast:ratelimit/decide@0.1.0#decide")] unsafe extern "C" fn
                        export_decide(arg0 : i32, arg1 : * mut u8, arg2 : usize,) -> *
                        mut u8 { unsafe { $($path_to_types)*:: _export_decide_cabi::<$ty
                        > (arg0, arg1, arg2) } } #[unsafe (export_name =
                        "cabi_post_wasmcast:ratelimit/decide@0.1.0#decide")] unsafe
                        extern "C" fn _post_return_decide(arg0 : * mut u8,) { unsafe {
                        $($path_to_types)*:: __post_return_decide::<$ty > (arg0) } } };
                    };
                }
                #[doc(hidden)]
                pub use __export_wasmcast_ratelimit_decide_0_1_0_cabi;
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
    #[cfg(target_arch = "wasm32")]
    pub fn run_ctors_once() {
        wit_bindgen::rt::run_ctors_once();
    }
    pub use alloc_crate::vec::Vec;
    pub unsafe fn string_lift(bytes: Vec<u8>) -> String {
        if cfg!(debug_assertions) {
            String::from_utf8(bytes).unwrap()
        } else {
            unsafe { String::from_utf8_unchecked(bytes) }
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
    pub use alloc_crate::string::String;
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
macro_rules! __export_ratelimit_decide_impl {
    ($ty:ident) => {
        wasmcast_plugin::__private::decide::export!($ty with_types_in
        wasmcast_plugin::__private::decide);
    };
    ($ty:ident with_types_in $($path_to_types_root:tt)*) => {
        $($path_to_types_root)*::
        exports::wasmcast::ratelimit::decide::__export_wasmcast_ratelimit_decide_0_1_0_cabi!($ty
        with_types_in $($path_to_types_root)*:: exports::wasmcast::ratelimit::decide);
        const _ : () = { #[rustfmt::skip] #[cfg(target_arch = "wasm32")] #[unsafe
        (link_section =
        "component-type:wit-bindgen:0.61.1:wasmcast:rust:ratelimit-decide:imports and exports")]
        #[doc(hidden)] #[allow(clippy::octal_escapes)] pub static
        __WIT_BINDGEN_COMPONENT_TYPE : [u8; 1014] = *
        b"\
\0asm\x0d\0\x01\0\0\x19\x16wit-component-encoding\x04\0\x07\xef\x06\x01A\x02\x01\
A\x05\x01B\x1e\x01m\x03\x07publish\x04play\x05admin\x04\0\x06action\x03\0\0\x04\0\
\x07session\x03\x01\x01h\x02\x01@\x01\x04self\x03\0s\x04\0\x12[method]session.id\
\x01\x04\x01@\x01\x04self\x03\0\x01\x04\0\x16[method]session.action\x01\x05\x04\0\
\x18[method]session.protocol\x01\x04\x04\0\x16[method]session.method\x01\x04\x04\
\0\x14[method]session.path\x01\x04\x04\0\x1b[method]session.stream-name\x01\x04\x01\
ks\x01@\x01\x04self\x03\0\x06\x04\0\x19[method]session.rendition\x01\x07\x04\0\x19\
[method]session.remote-ip\x01\x04\x04\0\x17[method]session.country\x01\x07\x04\0\
\x16[method]session.device\x01\x07\x01@\x02\x04self\x03\x04names\0\x06\x04\0\x16\
[method]session.header\x01\x08\x04\0\x15[method]session.query\x01\x08\x04\0\x15[\
method]session.token\x01\x07\x04\0\x19[method]session.spiffe-id\x01\x07\x04\0\"[\
method]session.certificate-sha256\x01\x07\x04\0\x17[method]session.subject\x01\x07\
\x01@\x02\x04self\x03\x03keys\0\x06\x04\0\x13[method]session.tag\x01\x09\x01@\x01\
\x04self\x03\0w\x04\0\x16[method]session.age-ms\x01\x0a\x04\0\x14[method]session\
.json\x01\x04\x03\0\x1cwasmcast:host/sessions@0.1.0\x05\0\x02\x03\0\0\x07session\
\x01B\x08\x02\x03\x02\x01\x01\x04\0\x07session\x03\0\0\x01q\x02\x05admit\0\0\x06\
refuse\x01y\0\x04\0\x07verdict\x03\0\x02\x01h\x01\x01j\x01\x03\x01s\x01@\x02\x07\
session\x04\x04rules\0\x05\x04\0\x06decide\x01\x06\x04\0\x1fwasmcast:ratelimit/d\
ecide@0.1.0\x05\x02\x04\0\x1ewasmcast:rust/ratelimit-decide\x04\0\x0b\x16\x01\0\x10\
ratelimit-decide\x03\0\0\0G\x09producers\x01\x0cprocessed-by\x02\x0dwit-componen\
t\x070.258.3\x10wit-bindgen-rust\x060.61.1";
        };
    };
}
#[doc(inline)]
pub use __export_ratelimit_decide_impl as export;
#[rustfmt::skip]
#[cfg(target_arch = "wasm32")]
#[unsafe(
    link_section = "component-type:wit-bindgen:0.61.1:wasmcast:rust:ratelimit-decide-with-all-of-its-exports-removed:encoded world"
)]
#[doc(hidden)]
#[allow(clippy::octal_escapes)]
pub static __WIT_BINDGEN_COMPONENT_TYPE: [u8; 935] = *b"\
\0asm\x0d\0\x01\0\0\x19\x16wit-component-encoding\x04\0\x07\x80\x06\x01A\x02\x01\
A\x02\x01B\x1e\x01m\x03\x07publish\x04play\x05admin\x04\0\x06action\x03\0\0\x04\0\
\x07session\x03\x01\x01h\x02\x01@\x01\x04self\x03\0s\x04\0\x12[method]session.id\
\x01\x04\x01@\x01\x04self\x03\0\x01\x04\0\x16[method]session.action\x01\x05\x04\0\
\x18[method]session.protocol\x01\x04\x04\0\x16[method]session.method\x01\x04\x04\
\0\x14[method]session.path\x01\x04\x04\0\x1b[method]session.stream-name\x01\x04\x01\
ks\x01@\x01\x04self\x03\0\x06\x04\0\x19[method]session.rendition\x01\x07\x04\0\x19\
[method]session.remote-ip\x01\x04\x04\0\x17[method]session.country\x01\x07\x04\0\
\x16[method]session.device\x01\x07\x01@\x02\x04self\x03\x04names\0\x06\x04\0\x16\
[method]session.header\x01\x08\x04\0\x15[method]session.query\x01\x08\x04\0\x15[\
method]session.token\x01\x07\x04\0\x19[method]session.spiffe-id\x01\x07\x04\0\"[\
method]session.certificate-sha256\x01\x07\x04\0\x17[method]session.subject\x01\x07\
\x01@\x02\x04self\x03\x03keys\0\x06\x04\0\x13[method]session.tag\x01\x09\x01@\x01\
\x04self\x03\0w\x04\0\x16[method]session.age-ms\x01\x0a\x04\0\x14[method]session\
.json\x01\x04\x03\0\x1cwasmcast:host/sessions@0.1.0\x05\0\x04\0>wasmcast:rust/ra\
telimit-decide-with-all-of-its-exports-removed\x04\0\x0b6\x01\00ratelimit-decide\
-with-all-of-its-exports-removed\x03\0\0\0G\x09producers\x01\x0cprocessed-by\x02\
\x0dwit-component\x070.258.3\x10wit-bindgen-rust\x060.61.1";
#[inline(never)]
#[doc(hidden)]
pub fn __link_custom_section_describing_imports() {
    wit_bindgen::rt::maybe_link_cabi_realloc();
}
