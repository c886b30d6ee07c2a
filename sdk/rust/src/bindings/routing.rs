//! Generated from `wit` by `make bindings`: do not edit.

#[allow(unfulfilled_lint_expectations, unused_imports)]
use crate::bindings::host::types as __with_name0;
#[allow(unfulfilled_lint_expectations, unused_imports)]
use crate::bindings::host::sessions as __with_name1;
#[rustfmt::skip]
#[allow(dead_code, clippy::all)]
pub mod exports {
    pub mod wasmcast {
        pub mod router {
            /// The hook `router`. Absent: this server serves what was asked for.
            #[allow(dead_code, async_fn_in_trait, unused_imports, clippy::all)]
            pub mod routing {
                #[used]
                #[doc(hidden)]
                static __FORCE_SECTION_REF: fn() = super::super::super::super::__link_custom_section_describing_imports;
                use super::super::super::super::_rt;
                pub type Attribute = super::super::super::super::__with_name0::Attribute;
                pub type Session = super::super::super::super::__with_name1::Session;
                /// The answer. What breaks a bound below is an error of the plugin, and counts as one.
                #[derive(Clone)]
                pub struct Route {
                    /// Where the session is served, best first, at most 8. Each is
                    /// - the name of a node (`eu-1`, 1 to 63 of `a-z 0-9 -`): the server's own name means here; other names mean nothing
                    ///   to a server that knows no other nodes, and are passed over;
                    /// - the address of a server, `https://eu-1.example` or with a port: the client is sent to the same path there, under
                    ///   `stream-name` and `rendition` where they are set. Nothing of its query goes along. The address under which the
                    ///   client came to this server means here, so that two servers with the same rules do not send it back and forth;
                    /// - a whole address, `https://eu-1.example/whep/cam1?sig=...`: the client is sent just there.
                    /// Addresses are `http` or `https`, at most 2,048 bytes of printable ASCII, without user name and fragment. The first
                    /// that means something holds: here, or an answer by HTTP 307 (other protocols have a redirect of their own). Empty, or
                    /// none of them means anything: here.
                    ///
                    /// The client's credential is never sent along, and clients drop it too where a redirect leads to another origin: put
                    /// what the other server asks for into the address, such as a token that is good for a minute.
                    pub nodes: _rt::Vec<_rt::String>,
                    /// Play this stream in place of the one asked for (canary, regional or fallback source). The operator's `match.stream`
                    /// must cover it; auth is not asked again. Ignored for publish.
                    pub stream_name: ::core::option::Option<_rt::String>,
                    /// Start with this rendition and stay on it; none keeps the viewer's choice: 1 to 16 of `A-Z a-z 0-9 _ -`. One that the
                    /// stream does not have is ignored with a warning. Ignored for publish.
                    pub rendition: ::core::option::Option<_rt::String>,
                    /// Added to the session's tags for its whole life, and seen by all that is asked about it later: at most 64, of at most
                    /// 1,024 bytes each and 8,192 together. A key set by auth can not be replaced. `cohort` is a label of the server's
                    /// metrics too: its first 16 values are, further ones count as `other`. Keys starting with `wasmcast.` are refused.
                    pub tags: _rt::Vec<Attribute>,
                }
                impl ::core::fmt::Debug for Route {
                    fn fmt(
                        &self,
                        f: &mut ::core::fmt::Formatter<'_>,
                    ) -> ::core::fmt::Result {
                        f.debug_struct("Route")
                            .field("nodes", &self.nodes)
                            .field("stream-name", &self.stream_name)
                            .field("rendition", &self.rendition)
                            .field("tags", &self.tags)
                            .finish()
                    }
                }
                #[doc(hidden)]
                #[allow(non_snake_case, unused_unsafe)]
                pub unsafe fn _export_choose_cabi<T_: Guest>(arg0: i32) -> *mut u8 {
                    unsafe {
                        #[cfg(target_arch = "wasm32")] _rt::run_ctors_once();
                        let result1 = {
                            let handle0;
                            T_::choose({
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
                                    Some(e) => {
                                        *ptr2
                                            .add(::core::mem::size_of::<*const u8>())
                                            .cast::<u8>() = (1i32) as u8;
                                        let Route {
                                            nodes: nodes3,
                                            stream_name: stream_name3,
                                            rendition: rendition3,
                                            tags: tags3,
                                        } = e;
                                        let vec5 = nodes3;
                                        let len5 = vec5.len();
                                        let layout5 = _rt::alloc::Layout::from_size_align(
                                                vec5.len() * (2 * ::core::mem::size_of::<*const u8>()),
                                                ::core::mem::size_of::<*const u8>(),
                                            )
                                            .unwrap();
                                        let (result5, _cleanup5) = wit_bindgen::rt::Cleanup::new(
                                            layout5,
                                        );
                                        if let Some(cleanup) = _cleanup5 {
                                            cleanup.forget();
                                        }
                                        for (i, e) in vec5.into_iter().enumerate() {
                                            let base = result5
                                                .add(i * (2 * ::core::mem::size_of::<*const u8>()));
                                            {
                                                let vec4 = (e.into_bytes()).into_boxed_slice();
                                                let ptr4 = vec4.as_ptr().cast::<u8>();
                                                let len4 = vec4.len();
                                                ::core::mem::forget(vec4);
                                                *base
                                                    .add(::core::mem::size_of::<*const u8>())
                                                    .cast::<usize>() = len4;
                                                *base.add(0).cast::<*mut u8>() = ptr4.cast_mut();
                                            }
                                        }
                                        *ptr2
                                            .add(3 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>() = len5;
                                        *ptr2
                                            .add(2 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>() = result5;
                                        match stream_name3 {
                                            Some(e) => {
                                                *ptr2
                                                    .add(4 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<u8>() = (1i32) as u8;
                                                let vec6 = (e.into_bytes()).into_boxed_slice();
                                                let ptr6 = vec6.as_ptr().cast::<u8>();
                                                let len6 = vec6.len();
                                                ::core::mem::forget(vec6);
                                                *ptr2
                                                    .add(6 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<usize>() = len6;
                                                *ptr2
                                                    .add(5 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<*mut u8>() = ptr6.cast_mut();
                                            }
                                            None => {
                                                *ptr2
                                                    .add(4 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<u8>() = (0i32) as u8;
                                            }
                                        };
                                        match rendition3 {
                                            Some(e) => {
                                                *ptr2
                                                    .add(7 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<u8>() = (1i32) as u8;
                                                let vec7 = (e.into_bytes()).into_boxed_slice();
                                                let ptr7 = vec7.as_ptr().cast::<u8>();
                                                let len7 = vec7.len();
                                                ::core::mem::forget(vec7);
                                                *ptr2
                                                    .add(9 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<usize>() = len7;
                                                *ptr2
                                                    .add(8 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<*mut u8>() = ptr7.cast_mut();
                                            }
                                            None => {
                                                *ptr2
                                                    .add(7 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<u8>() = (0i32) as u8;
                                            }
                                        };
                                        let vec11 = tags3;
                                        let len11 = vec11.len();
                                        let layout11 = _rt::alloc::Layout::from_size_align(
                                                vec11.len() * (4 * ::core::mem::size_of::<*const u8>()),
                                                ::core::mem::size_of::<*const u8>(),
                                            )
                                            .unwrap();
                                        let (result11, _cleanup11) = wit_bindgen::rt::Cleanup::new(
                                            layout11,
                                        );
                                        if let Some(cleanup) = _cleanup11 {
                                            cleanup.forget();
                                        }
                                        for (i, e) in vec11.into_iter().enumerate() {
                                            let base = result11
                                                .add(i * (4 * ::core::mem::size_of::<*const u8>()));
                                            {
                                                let super::super::super::super::__with_name0::Attribute {
                                                    key: key8,
                                                    value: value8,
                                                } = e;
                                                let vec9 = (key8.into_bytes()).into_boxed_slice();
                                                let ptr9 = vec9.as_ptr().cast::<u8>();
                                                let len9 = vec9.len();
                                                ::core::mem::forget(vec9);
                                                *base
                                                    .add(::core::mem::size_of::<*const u8>())
                                                    .cast::<usize>() = len9;
                                                *base.add(0).cast::<*mut u8>() = ptr9.cast_mut();
                                                let vec10 = (value8.into_bytes()).into_boxed_slice();
                                                let ptr10 = vec10.as_ptr().cast::<u8>();
                                                let len10 = vec10.len();
                                                ::core::mem::forget(vec10);
                                                *base
                                                    .add(3 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<usize>() = len10;
                                                *base
                                                    .add(2 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<*mut u8>() = ptr10.cast_mut();
                                            }
                                        }
                                        *ptr2
                                            .add(11 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>() = len11;
                                        *ptr2
                                            .add(10 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>() = result11;
                                    }
                                    None => {
                                        *ptr2
                                            .add(::core::mem::size_of::<*const u8>())
                                            .cast::<u8>() = (0i32) as u8;
                                    }
                                };
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
                pub unsafe fn __post_return_choose<T_: Guest>(arg0: *mut u8) {
                    unsafe {
                        let l0 = i32::from(*arg0.add(0).cast::<u8>());
                        match l0 {
                            0 => {
                                let l1 = i32::from(
                                    *arg0.add(::core::mem::size_of::<*const u8>()).cast::<u8>(),
                                );
                                match l1 {
                                    0 => {}
                                    _ => {
                                        let l2 = *arg0
                                            .add(2 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>();
                                        let l3 = *arg0
                                            .add(3 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>();
                                        let base6 = l2;
                                        let len6 = l3;
                                        for i in 0..len6 {
                                            let base = base6
                                                .add(i * (2 * ::core::mem::size_of::<*const u8>()));
                                            {
                                                let l4 = *base.add(0).cast::<*mut u8>();
                                                let l5 = *base
                                                    .add(::core::mem::size_of::<*const u8>())
                                                    .cast::<usize>();
                                                _rt::cabi_dealloc(l4, l5, 1);
                                            }
                                        }
                                        _rt::cabi_dealloc(
                                            base6,
                                            len6 * (2 * ::core::mem::size_of::<*const u8>()),
                                            ::core::mem::size_of::<*const u8>(),
                                        );
                                        let l7 = i32::from(
                                            *arg0
                                                .add(4 * ::core::mem::size_of::<*const u8>())
                                                .cast::<u8>(),
                                        );
                                        match l7 {
                                            0 => {}
                                            _ => {
                                                let l8 = *arg0
                                                    .add(5 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<*mut u8>();
                                                let l9 = *arg0
                                                    .add(6 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<usize>();
                                                _rt::cabi_dealloc(l8, l9, 1);
                                            }
                                        }
                                        let l10 = i32::from(
                                            *arg0
                                                .add(7 * ::core::mem::size_of::<*const u8>())
                                                .cast::<u8>(),
                                        );
                                        match l10 {
                                            0 => {}
                                            _ => {
                                                let l11 = *arg0
                                                    .add(8 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<*mut u8>();
                                                let l12 = *arg0
                                                    .add(9 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<usize>();
                                                _rt::cabi_dealloc(l11, l12, 1);
                                            }
                                        }
                                        let l13 = *arg0
                                            .add(10 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>();
                                        let l14 = *arg0
                                            .add(11 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>();
                                        let base19 = l13;
                                        let len19 = l14;
                                        for i in 0..len19 {
                                            let base = base19
                                                .add(i * (4 * ::core::mem::size_of::<*const u8>()));
                                            {
                                                let l15 = *base.add(0).cast::<*mut u8>();
                                                let l16 = *base
                                                    .add(::core::mem::size_of::<*const u8>())
                                                    .cast::<usize>();
                                                _rt::cabi_dealloc(l15, l16, 1);
                                                let l17 = *base
                                                    .add(2 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<*mut u8>();
                                                let l18 = *base
                                                    .add(3 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<usize>();
                                                _rt::cabi_dealloc(l17, l18, 1);
                                            }
                                        }
                                        _rt::cabi_dealloc(
                                            base19,
                                            len19 * (4 * ::core::mem::size_of::<*const u8>()),
                                            ::core::mem::size_of::<*const u8>(),
                                        );
                                    }
                                }
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
                    /// Called once per publish or play session, after auth allowed it: `session.stream-name` is the name that auth gave it,
                    /// `subject` and `tag` are what auth said. None: no opinion, the next router plugin is asked. An error counts as none,
                    /// unless the operator's policy says otherwise. Several calls may run at once, in different instances.
                    #[allow(async_fn_in_trait)]
                    fn choose(
                        session: &Session,
                    ) -> ::core::result::Result<
                        ::core::option::Option<Route>,
                        _rt::String,
                    >;
                }
                #[doc(hidden)]
                #[macro_export]
                macro_rules! __export_wasmcast_router_routing_0_1_0_cabi {
                    ($ty:ident with_types_in $($path_to_types:tt)*) => {
                        const _ : () = { #[unsafe (export_name =
                        "wasmcast:router/routing@0.1.0#choose")] unsafe extern "C" fn
                        export_choose(arg0 : i32,) -> * mut u8 { unsafe {
                        $($path_to_types)*:: _export_choose_cabi::<$ty > (arg0) } }
                        #[unsafe (export_name =
                        "cabi_post_wasmcast:router/routing@0.1.0#choose")] unsafe extern
                        "C" fn _post_return_choose(arg0 : * mut u8,) { unsafe {
                        $($path_to_types)*:: __post_return_choose::<$ty > (arg0) } } };
                    };
                }
                #[doc(hidden)]
                pub use __export_wasmcast_router_routing_0_1_0_cabi;
                #[cfg_attr(target_pointer_width = "64", repr(align(8)))]
                #[cfg_attr(target_pointer_width = "32", repr(align(4)))]
                struct _RetArea(
                    [::core::mem::MaybeUninit<
                        u8,
                    >; 12 * ::core::mem::size_of::<*const u8>()],
                );
                static mut _RET_AREA: _RetArea = _RetArea(
                    [::core::mem::MaybeUninit::uninit(); 12
                        * ::core::mem::size_of::<*const u8>()],
                );
            }
        }
    }
}
#[rustfmt::skip]
mod _rt {
    #![allow(dead_code, unused_imports, clippy::all)]
    pub use alloc_crate::vec::Vec;
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
macro_rules! __export_router_routing_impl {
    ($ty:ident) => {
        wasmcast_plugin::__private::routing::export!($ty with_types_in
        wasmcast_plugin::__private::routing);
    };
    ($ty:ident with_types_in $($path_to_types_root:tt)*) => {
        $($path_to_types_root)*::
        exports::wasmcast::router::routing::__export_wasmcast_router_routing_0_1_0_cabi!($ty
        with_types_in $($path_to_types_root)*:: exports::wasmcast::router::routing);
        const _ : () = { #[rustfmt::skip] #[cfg(target_arch = "wasm32")] #[unsafe
        (link_section =
        "component-type:wit-bindgen:0.61.1:wasmcast:rust:router-routing:imports and exports")]
        #[doc(hidden)] #[allow(clippy::octal_escapes)] pub static
        __WIT_BINDGEN_COMPONENT_TYPE : [u8; 1173] = *
        b"\
\0asm\x0d\0\x01\0\0\x19\x16wit-component-encoding\x04\0\x07\x90\x08\x01A\x02\x01\
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
\x02\x03\0\0\x09attribute\x02\x03\0\x01\x07session\x01B\x0e\x02\x03\x02\x01\x02\x04\
\0\x09attribute\x03\0\0\x02\x03\x02\x01\x03\x04\0\x07session\x03\0\x02\x01ps\x01\
ks\x01p\x01\x01r\x04\x05nodes\x04\x0bstream-name\x05\x09rendition\x05\x04tags\x06\
\x04\0\x05route\x03\0\x07\x01h\x03\x01k\x08\x01j\x01\x0a\x01s\x01@\x01\x07sessio\
n\x09\0\x0b\x04\0\x06choose\x01\x0c\x04\0\x1dwasmcast:router/routing@0.1.0\x05\x04\
\x04\0\x1cwasmcast:rust/router-routing\x04\0\x0b\x14\x01\0\x0erouter-routing\x03\
\0\0\0G\x09producers\x01\x0cprocessed-by\x02\x0dwit-component\x070.258.3\x10wit-\
bindgen-rust\x060.61.1";
        };
    };
}
#[doc(inline)]
pub use __export_router_routing_impl as export;
#[rustfmt::skip]
#[cfg(target_arch = "wasm32")]
#[unsafe(
    link_section = "component-type:wit-bindgen:0.61.1:wasmcast:rust:router-routing-with-all-of-its-exports-removed:encoded world"
)]
#[doc(hidden)]
#[allow(clippy::octal_escapes)]
pub static __WIT_BINDGEN_COMPONENT_TYPE: [u8; 1039] = *b"\
\0asm\x0d\0\x01\0\0\x19\x16wit-component-encoding\x04\0\x07\xea\x06\x01A\x02\x01\
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
\x04\0<wasmcast:rust/router-routing-with-all-of-its-exports-removed\x04\0\x0b4\x01\
\0.router-routing-with-all-of-its-exports-removed\x03\0\0\0G\x09producers\x01\x0c\
processed-by\x02\x0dwit-component\x070.258.3\x10wit-bindgen-rust\x060.61.1";
#[inline(never)]
#[doc(hidden)]
pub fn __link_custom_section_describing_imports() {
    wit_bindgen::rt::maybe_link_cabi_realloc();
}
