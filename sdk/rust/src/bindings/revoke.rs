//! Generated from `wit` by `make bindings`: do not edit.

#[allow(unfulfilled_lint_expectations, unused_imports)]
use crate::bindings::host::types as __with_name0;
#[rustfmt::skip]
#[allow(dead_code, clippy::all)]
pub mod exports {
    pub mod wasmcast {
        pub mod auth {
            /// Ends or changes sessions before their ttl ends. Absent: only the ttl does.
            #[allow(dead_code, async_fn_in_trait, unused_imports, clippy::all)]
            pub mod revoke {
                #[used]
                #[doc(hidden)]
                static __FORCE_SECTION_REF: fn() = super::super::super::super::__link_custom_section_describing_imports;
                use super::super::super::super::_rt;
                pub type Attribute = super::super::super::super::__with_name0::Attribute;
                /// Which sessions, of those that the manifest's match gives to this plugin, whoever allowed them.
                #[derive(Clone)]
                pub enum Selection {
                    /// The one of this id.
                    Session(_rt::String),
                    /// All of this subject.
                    Subject(_rt::String),
                    /// All that publish or play this stream.
                    StreamName(_rt::String),
                    /// All which carry this tag.
                    Tag(Attribute),
                    /// All.
                    Everything,
                }
                impl ::core::fmt::Debug for Selection {
                    fn fmt(
                        &self,
                        f: &mut ::core::fmt::Formatter<'_>,
                    ) -> ::core::fmt::Result {
                        match self {
                            Selection::Session(e) => {
                                f.debug_tuple("Selection::Session").field(e).finish()
                            }
                            Selection::Subject(e) => {
                                f.debug_tuple("Selection::Subject").field(e).finish()
                            }
                            Selection::StreamName(e) => {
                                f.debug_tuple("Selection::StreamName").field(e).finish()
                            }
                            Selection::Tag(e) => {
                                f.debug_tuple("Selection::Tag").field(e).finish()
                            }
                            Selection::Everything => {
                                f.debug_tuple("Selection::Everything").finish()
                            }
                        }
                    }
                }
                #[doc(hidden)]
                #[allow(non_snake_case, unused_unsafe)]
                pub unsafe fn _export_poll_cabi<T_: Guest>() -> *mut u8 {
                    unsafe {
                        #[cfg(target_arch = "wasm32")] _rt::run_ctors_once();
                        let result0 = { T_::poll() };
                        let ptr1 = (&raw mut _RET_AREA.0).cast::<u8>();
                        match result0 {
                            Ok(e) => {
                                *ptr1.add(0).cast::<u8>() = (0i32) as u8;
                                let vec8 = e;
                                let len8 = vec8.len();
                                let layout8 = _rt::alloc::Layout::from_size_align(
                                        vec8.len() * (5 * ::core::mem::size_of::<*const u8>()),
                                        ::core::mem::size_of::<*const u8>(),
                                    )
                                    .unwrap();
                                let (result8, _cleanup8) = wit_bindgen::rt::Cleanup::new(
                                    layout8,
                                );
                                if let Some(cleanup) = _cleanup8 {
                                    cleanup.forget();
                                }
                                for (i, e) in vec8.into_iter().enumerate() {
                                    let base = result8
                                        .add(i * (5 * ::core::mem::size_of::<*const u8>()));
                                    {
                                        match e {
                                            Selection::Session(e) => {
                                                *base.add(0).cast::<u8>() = (0i32) as u8;
                                                let vec2 = (e.into_bytes()).into_boxed_slice();
                                                let ptr2 = vec2.as_ptr().cast::<u8>();
                                                let len2 = vec2.len();
                                                ::core::mem::forget(vec2);
                                                *base
                                                    .add(2 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<usize>() = len2;
                                                *base
                                                    .add(::core::mem::size_of::<*const u8>())
                                                    .cast::<*mut u8>() = ptr2.cast_mut();
                                            }
                                            Selection::Subject(e) => {
                                                *base.add(0).cast::<u8>() = (1i32) as u8;
                                                let vec3 = (e.into_bytes()).into_boxed_slice();
                                                let ptr3 = vec3.as_ptr().cast::<u8>();
                                                let len3 = vec3.len();
                                                ::core::mem::forget(vec3);
                                                *base
                                                    .add(2 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<usize>() = len3;
                                                *base
                                                    .add(::core::mem::size_of::<*const u8>())
                                                    .cast::<*mut u8>() = ptr3.cast_mut();
                                            }
                                            Selection::StreamName(e) => {
                                                *base.add(0).cast::<u8>() = (2i32) as u8;
                                                let vec4 = (e.into_bytes()).into_boxed_slice();
                                                let ptr4 = vec4.as_ptr().cast::<u8>();
                                                let len4 = vec4.len();
                                                ::core::mem::forget(vec4);
                                                *base
                                                    .add(2 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<usize>() = len4;
                                                *base
                                                    .add(::core::mem::size_of::<*const u8>())
                                                    .cast::<*mut u8>() = ptr4.cast_mut();
                                            }
                                            Selection::Tag(e) => {
                                                *base.add(0).cast::<u8>() = (3i32) as u8;
                                                let super::super::super::super::__with_name0::Attribute {
                                                    key: key5,
                                                    value: value5,
                                                } = e;
                                                let vec6 = (key5.into_bytes()).into_boxed_slice();
                                                let ptr6 = vec6.as_ptr().cast::<u8>();
                                                let len6 = vec6.len();
                                                ::core::mem::forget(vec6);
                                                *base
                                                    .add(2 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<usize>() = len6;
                                                *base
                                                    .add(::core::mem::size_of::<*const u8>())
                                                    .cast::<*mut u8>() = ptr6.cast_mut();
                                                let vec7 = (value5.into_bytes()).into_boxed_slice();
                                                let ptr7 = vec7.as_ptr().cast::<u8>();
                                                let len7 = vec7.len();
                                                ::core::mem::forget(vec7);
                                                *base
                                                    .add(4 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<usize>() = len7;
                                                *base
                                                    .add(3 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<*mut u8>() = ptr7.cast_mut();
                                            }
                                            Selection::Everything => {
                                                *base.add(0).cast::<u8>() = (4i32) as u8;
                                            }
                                        }
                                    }
                                }
                                *ptr1
                                    .add(2 * ::core::mem::size_of::<*const u8>())
                                    .cast::<usize>() = len8;
                                *ptr1
                                    .add(::core::mem::size_of::<*const u8>())
                                    .cast::<*mut u8>() = result8;
                            }
                            Err(e) => {
                                *ptr1.add(0).cast::<u8>() = (1i32) as u8;
                                let vec9 = (e.into_bytes()).into_boxed_slice();
                                let ptr9 = vec9.as_ptr().cast::<u8>();
                                let len9 = vec9.len();
                                ::core::mem::forget(vec9);
                                *ptr1
                                    .add(2 * ::core::mem::size_of::<*const u8>())
                                    .cast::<usize>() = len9;
                                *ptr1
                                    .add(::core::mem::size_of::<*const u8>())
                                    .cast::<*mut u8>() = ptr9.cast_mut();
                            }
                        };
                        ptr1
                    }
                }
                #[doc(hidden)]
                #[allow(non_snake_case)]
                pub unsafe fn __post_return_poll<T_: Guest>(arg0: *mut u8) {
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
                                let base14 = l1;
                                let len14 = l2;
                                for i in 0..len14 {
                                    let base = base14
                                        .add(i * (5 * ::core::mem::size_of::<*const u8>()));
                                    {
                                        let l3 = i32::from(*base.add(0).cast::<u8>());
                                        match l3 {
                                            0 => {
                                                let l4 = *base
                                                    .add(::core::mem::size_of::<*const u8>())
                                                    .cast::<*mut u8>();
                                                let l5 = *base
                                                    .add(2 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<usize>();
                                                _rt::cabi_dealloc(l4, l5, 1);
                                            }
                                            1 => {
                                                let l6 = *base
                                                    .add(::core::mem::size_of::<*const u8>())
                                                    .cast::<*mut u8>();
                                                let l7 = *base
                                                    .add(2 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<usize>();
                                                _rt::cabi_dealloc(l6, l7, 1);
                                            }
                                            2 => {
                                                let l8 = *base
                                                    .add(::core::mem::size_of::<*const u8>())
                                                    .cast::<*mut u8>();
                                                let l9 = *base
                                                    .add(2 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<usize>();
                                                _rt::cabi_dealloc(l8, l9, 1);
                                            }
                                            3 => {
                                                let l10 = *base
                                                    .add(::core::mem::size_of::<*const u8>())
                                                    .cast::<*mut u8>();
                                                let l11 = *base
                                                    .add(2 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<usize>();
                                                _rt::cabi_dealloc(l10, l11, 1);
                                                let l12 = *base
                                                    .add(3 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<*mut u8>();
                                                let l13 = *base
                                                    .add(4 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<usize>();
                                                _rt::cabi_dealloc(l12, l13, 1);
                                            }
                                            _ => {}
                                        }
                                    }
                                }
                                _rt::cabi_dealloc(
                                    base14,
                                    len14 * (5 * ::core::mem::size_of::<*const u8>()),
                                    ::core::mem::size_of::<*const u8>(),
                                );
                            }
                            _ => {
                                let l15 = *arg0
                                    .add(::core::mem::size_of::<*const u8>())
                                    .cast::<*mut u8>();
                                let l16 = *arg0
                                    .add(2 * ::core::mem::size_of::<*const u8>())
                                    .cast::<usize>();
                                _rt::cabi_dealloc(l15, l16, 1);
                            }
                        }
                    }
                }
                pub trait Guest {
                    /// Called once a second on one instance. Each session selected goes through `check.authorize` again, at once: deny
                    /// ends it, allow renews its grant. So one place decides, and a client that comes back meets the same answer.
                    /// Report a change once. An error selects none.
                    #[allow(async_fn_in_trait)]
                    fn poll() -> ::core::result::Result<
                        _rt::Vec<Selection>,
                        _rt::String,
                    >;
                }
                #[doc(hidden)]
                #[macro_export]
                macro_rules! __export_wasmcast_auth_revoke_0_1_0_cabi {
                    ($ty:ident with_types_in $($path_to_types:tt)*) => {
                        const _ : () = { #[unsafe (export_name =
                        "wasmcast:auth/revoke@0.1.0#poll")] unsafe extern "C" fn
                        export_poll() -> * mut u8 { unsafe { $($path_to_types)*::
                        _export_poll_cabi::<$ty > () } } #[unsafe (export_name =
                        "cabi_post_wasmcast:auth/revoke@0.1.0#poll")] unsafe extern "C"
                        fn _post_return_poll(arg0 : * mut u8,) { unsafe {
                        $($path_to_types)*:: __post_return_poll::<$ty > (arg0) } } };
                    };
                }
                #[doc(hidden)]
                pub use __export_wasmcast_auth_revoke_0_1_0_cabi;
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
    #[cfg(target_arch = "wasm32")]
    pub fn run_ctors_once() {
        wit_bindgen::rt::run_ctors_once();
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
    pub use alloc_crate::vec::Vec;
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
macro_rules! __export_auth_revoke_impl {
    ($ty:ident) => {
        wasmcast_plugin::__private::revoke::export!($ty with_types_in
        wasmcast_plugin::__private::revoke);
    };
    ($ty:ident with_types_in $($path_to_types_root:tt)*) => {
        $($path_to_types_root)*::
        exports::wasmcast::auth::revoke::__export_wasmcast_auth_revoke_0_1_0_cabi!($ty
        with_types_in $($path_to_types_root)*:: exports::wasmcast::auth::revoke); const _
        : () = { #[rustfmt::skip] #[cfg(target_arch = "wasm32")] #[unsafe (link_section =
        "component-type:wit-bindgen:0.61.1:wasmcast:rust:auth-revoke:imports and exports")]
        #[doc(hidden)] #[allow(clippy::octal_escapes)] pub static
        __WIT_BINDGEN_COMPONENT_TYPE : [u8; 440] = *
        b"\
\0asm\x0d\0\x01\0\0\x19\x16wit-component-encoding\x04\0\x07\xb6\x02\x01A\x02\x01\
A\x05\x01B\x04\x01r\x02\x03keys\x05values\x04\0\x09attribute\x03\0\0\x01r\x03\x04\
codes\x07messages\x09retryable\x7f\x04\0\x0ahost-error\x03\0\x02\x03\0\x19wasmca\
st:host/types@0.1.0\x05\0\x02\x03\0\0\x09attribute\x01B\x08\x02\x03\x02\x01\x01\x04\
\0\x09attribute\x03\0\0\x01q\x05\x07session\x01s\0\x07subject\x01s\0\x0bstream-n\
ame\x01s\0\x03tag\x01\x01\0\x0aeverything\0\0\x04\0\x09selection\x03\0\x02\x01p\x03\
\x01j\x01\x04\x01s\x01@\0\0\x05\x04\0\x04poll\x01\x06\x04\0\x1awasmcast:auth/rev\
oke@0.1.0\x05\x02\x04\0\x19wasmcast:rust/auth-revoke\x04\0\x0b\x11\x01\0\x0bauth\
-revoke\x03\0\0\0G\x09producers\x01\x0cprocessed-by\x02\x0dwit-component\x070.25\
8.3\x10wit-bindgen-rust\x060.61.1";
        };
    };
}
#[doc(inline)]
pub use __export_auth_revoke_impl as export;
#[rustfmt::skip]
#[cfg(target_arch = "wasm32")]
#[unsafe(
    link_section = "component-type:wit-bindgen:0.61.1:wasmcast:rust:auth-revoke-with-all-of-its-exports-removed:encoded world"
)]
#[doc(hidden)]
#[allow(clippy::octal_escapes)]
pub static __WIT_BINDGEN_COMPONENT_TYPE: [u8; 338] = *b"\
\0asm\x0d\0\x01\0\0\x19\x16wit-component-encoding\x04\0\x07\xb0\x01\x01A\x02\x01\
A\x02\x01B\x04\x01r\x02\x03keys\x05values\x04\0\x09attribute\x03\0\0\x01r\x03\x04\
codes\x07messages\x09retryable\x7f\x04\0\x0ahost-error\x03\0\x02\x03\0\x19wasmca\
st:host/types@0.1.0\x05\0\x04\09wasmcast:rust/auth-revoke-with-all-of-its-export\
s-removed\x04\0\x0b1\x01\0+auth-revoke-with-all-of-its-exports-removed\x03\0\0\0\
G\x09producers\x01\x0cprocessed-by\x02\x0dwit-component\x070.258.3\x10wit-bindge\
n-rust\x060.61.1";
#[inline(never)]
#[doc(hidden)]
pub fn __link_custom_section_describing_imports() {
    wit_bindgen::rt::maybe_link_cabi_realloc();
}
