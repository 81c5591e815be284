//! Managers of different types, one after the other.

use super::MUST_OWN;
use super::parts::{Held, Parts, Then};
use crate::lost::Site;
use crate::manager::ENTERED_ONCE;
use crate::{AsyncContextManager, Interrupt, Outcome};

/// `tuple!(A a 0 va; B b 1 vb, C c 2 vc)` is the impl for `(A, B, C)`.
macro_rules! tuple {
    ($First:ident $first:ident $zero:tt $first_value:ident; $($Next:ident $next:ident $index:tt $value:ident),*) => {
        /// The managers are entered in order and exited in reverse, as if each were nested in the one before it.
        ///
        /// The error is that of the first one; those of the others convert into it with `From`.
        ///
        /// # Panics
        ///
        /// `enter` called by itself, as for arrays.
        impl<$First, $($Next),*> AsyncContextManager for ($First, $($Next,)*)
        where
            $First: AsyncContextManager,
            $($Next: AsyncContextManager<Error: Into<$First::Error>>,)*
        {
            type Value = ($First::Value, $($Next::Value,)*);
            type Error = $First::Error;

            async fn enter(&mut self) -> Result<Self::Value, Self::Error> {
                panic!("{}", MUST_OWN)
            }

            async fn exit(self, values: Self::Value, outcome: Outcome) -> Result<(), Self::Error> {
                self.__leave(values, outcome, Site::of::<Self>()).await
            }

            fn interrupt(&self, values: &Self::Value) -> Interrupt<Self::Error> {
                Interrupt::any([
                    self.$zero.interrupt(&values.$zero),
                    $(self.$index.interrupt(&values.$index).map(Into::into),)*
                ])
            }

            async fn __enter(managers: &mut Option<Self>, site: Site) -> Result<Self::Value, Self::Error> {
                let ($first, $($next,)*) = managers.take().expect(ENTERED_ONCE);
                let mut $first = Some($first);
                let value = $First::__enter(&mut $first, site.part::<$First>()).await?;
                #[allow(unused_mut, reason = "in a tuple of one nothing follows")]
                let mut held = Held::new(($first.expect(ENTERED_ONCE), value), site);
                $(
                    let mut $next = Some($next);
                    let value = held.enter($Next::__enter(&mut $next, site.part::<$Next>())).await.map_err(Into::into)?;
                    // It is gone if it is a composite that could not be entered.
                    #[allow(unused_mut, reason = "nothing follows the last")]
                    let mut held = held.then($next.expect(ENTERED_ONCE), value);
                )*
                let parts = held.release().await;
                tuple!(@parts ($first, $first_value) $(, $next $value)* => let parts = parts);
                *managers = Some(($first, $($next,)*));
                Ok(($first_value, $($value,)*))
            }

            async fn __leave(self, values: Self::Value, outcome: Outcome, site: Site) -> Result<(), Self::Error> {
                let (($first, $($next,)*), ($first_value, $($value,)*)) = (self, values);
                tuple!(@nest ($first, $first_value) $(, $next $value)*).unwind(outcome, site).await.finish()
            }
        }
    };
    (@nest $parts:expr) => { $parts };
    (@nest $parts:expr, $next:ident $value:ident $($rest:tt)*) => { tuple!(@nest Then($parts, $next, $value) $($rest)*) };
    (@parts $pattern:pat => let parts = $parts:expr) => { let $pattern = $parts; };
    (@parts $pattern:pat, $next:ident $value:ident $(, $rest:ident $rest_value:ident)* => let parts = $parts:expr) => {
        tuple!(@parts Then($pattern, $next, $value) $(, $rest $rest_value)* => let parts = $parts);
    };
}

tuple!(A a 0 va;);
tuple!(A a 0 va; B b 1 vb);
tuple!(A a 0 va; B b 1 vb, C c 2 vc);
tuple!(A a 0 va; B b 1 vb, C c 2 vc, D d 3 vd);
tuple!(A a 0 va; B b 1 vb, C c 2 vc, D d 3 vd, E e 4 ve);
tuple!(A a 0 va; B b 1 vb, C c 2 vc, D d 3 vd, E e 4 ve, F f 5 vf);
tuple!(A a 0 va; B b 1 vb, C c 2 vc, D d 3 vd, E e 4 ve, F f 5 vf, G g 6 vg);
tuple!(A a 0 va; B b 1 vb, C c 2 vc, D d 3 vd, E e 4 ve, F f 5 vf, G g 6 vg, H h 7 vh);
