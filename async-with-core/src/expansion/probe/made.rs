//! Managers of this crate that are made of something. If they are none, the fault is in that, and the error is about that.

use crate::{AsyncContextManager, ContextFn, Defer, FromFn, IntoAsync, LocalMapErr, MapErr, Together};

/// What may be no manager because of what it is made of.
pub trait Made {
    type Kind: Default;
}

/// Whoever made it has been told: it can be made only of what fits.
#[derive(Default)]
pub struct Reported;

/// It may be made of anything.
#[derive(Default)]
pub struct Composed;

// Nothing says what the scope `S` is, so that nothing that follows is another error. Without the one error, this would be one.

impl Reported {
    pub fn scope<M, S>(self, _manager: M) -> S {
        unreachable!("does not compile")
    }

    pub fn scope_in_function<M, S>(self, _manager: M) -> S {
        unreachable!("does not compile")
    }
}

impl Composed {
    pub fn scope<M: AsyncContextManager, S>(self, _manager: M) -> S {
        unreachable!("does not compile")
    }

    pub fn scope_in_function<M: AsyncContextManager, S>(self, _manager: M) -> S {
        unreachable!("does not compile")
    }
}

macro_rules! made {
    ($Kind:ident: $([$($generics:tt)*] $Type:ty),* $(,)?) => {
        $(
            impl<$($generics)*> Made for $Type {
                type Kind = $Kind;
            }
        )*
    };
}

made! { Reported:
    [F, G] FromFn<F, G>,
    [F] Defer<F>,
    [V, F, E] ContextFn<V, F, E>,
    [M] IntoAsync<M>,
    [M, F] MapErr<M, F>,
    [M, F] LocalMapErr<M, F>,
    [G] Together<G>,
}

made! { Composed:
    [M] Option<M>,
    [M] Vec<M>,
    [M, const N: usize] [M; N],
    [A] (A,),
    [A, B] (A, B),
    [A, B, C] (A, B, C),
    [A, B, C, D] (A, B, C, D),
    [A, B, C, D, E] (A, B, C, D, E),
    [A, B, C, D, E, F] (A, B, C, D, E, F),
    [A, B, C, D, E, F, G] (A, B, C, D, E, F, G),
    [A, B, C, D, E, F, G, H] (A, B, C, D, E, F, G, H),
}
