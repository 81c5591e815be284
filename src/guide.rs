#![doc = include_str!("../docs/guide/links.md")]
#![doc = include_str!("../docs/guide/README.md")]

// The pages are written to be read on GitHub too: each ends with where its links lead there. Here `links.md` comes before them,
// which says where the same links lead in rustdoc: of two definitions of a link the first one counts. So it is with the
// picture, which rustdoc can only show as data. The lines of a page's doc tests are counted from the first of `links.md`.

macro_rules! pages {
    ($($page:ident)*) => { $(
        #[doc = include_str!("../docs/guide/links.md")]
        #[doc = include_str!(concat!("../docs/guide/", stringify!($page), ".md"))]
        pub mod $page {}
    )* };
}

pages! {
    python
    csharp_javascript
    by_hand
    writing_a_manager
    guaranteed_or_local
    errors
    testing
    pitfalls
    mistakes
    expansion
    pains
}

#[doc = include_str!("../docs/guide/links.md")]
#[doc = include_str!("../docs/guide/picture.md")]
#[doc = include_str!("../docs/guide/cancellation.md")]
pub mod cancellation {}
