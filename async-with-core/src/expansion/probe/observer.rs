//! Does the manager observe errors, and what is the error?

use std::error::Error;
use std::fmt::{self, Debug, Display};
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::ObserveError;
use crate::expansion::ending::Product;
use crate::expansion::probe::Probe;
use crate::expansion::scope::{Payload, Scope};
use crate::expansion::stop::Stop;

/// The manager implements [`ObserveError`].
pub struct Watches;
/// The manager does not observe errors.
pub struct Ignores;

impl Watches {
    pub fn look<R, E>(self, stop: &Stop<R, E>) -> Look<'_, R> {
        Look(if let Stop::Returned(returned) = stop { Some(returned) } else { None })
    }

    /// Looks also at the value of the body, which is what a function returns that has no other body.
    pub fn look_at_both<'a, R, E, W>(
        self,
        stop: &'a Stop<R, E>,
        value: Option<&'a Product<R, W>>,
    ) -> Look<'a, R> {
        let Look(returned) = self.look(stop);
        Look(returned.or_else(|| value.and_then(Product::value)))
    }
}

impl Ignores {
    pub fn look<R, E>(self, _stop: &Stop<R, E>) -> Blind {
        Blind
    }

    pub fn look_at_both<R, E, W>(self, _stop: &Stop<R, E>, _value: Option<&Product<R, W>>) -> Blind {
        Blind
    }
}

/// What the body returned from the enclosing function, if it did.
pub struct Look<'a, R>(Option<&'a R>);

/// Nothing to look at, whatever the enclosing function returns.
pub struct Blind;

impl Blind {
    /// # Errors
    ///
    /// None: the type is that of the others.
    pub fn tell<S>(&self, _scope: &mut S) -> Result<(), Payload> {
        Ok(())
    }
}

impl<T, E> Look<'_, Result<T, E>> {
    /// Tells the manager of the error, and gives a panic of the manager as an error.
    fn tell_as<M: ObserveError>(
        &self,
        scope: &mut Scope<M>,
        tell: impl FnOnce(&E, &mut dyn FnMut(&(dyn Error + 'static))),
    ) -> Result<(), Payload> {
        let (Some(Err(error)), Some((manager, value))) = (self.0, scope.inside()) else {
            return Ok(());
        };
        catch_unwind(AssertUnwindSafe(|| tell(error, &mut |error| manager.observe(value, error))))
    }
}

/// An error of which no more is known than its text.
struct Message(String);

impl Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Debug::fmt(&self.0, f)
    }
}

impl Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Message {}

pub mod observe {
    use std::any::type_name;
    use std::error::Error;
    use std::fmt::Display;

    use super::{Ignores, Look, Message, ObserveError, Payload, Probe, Scope, Watches};

    pub trait First {
        fn observer(&self) -> Watches {
            Watches
        }
    }
    impl<M: ObserveError> First for &Probe<M> {}

    pub trait Second {
        fn observer(&self) -> Ignores {
            Ignores
        }
    }
    impl<M> Second for Probe<M> {}

    /// One trait and its `impl`, for one way to get at an error of type `E`.
    macro_rules! way {
        ($name:ident, $look:ty, [$($bounds:tt)*], |$error:ident| $as_error:expr) => {
            pub trait $name<M: ObserveError> {
                #[expect(clippy::missing_errors_doc, reason = "not public API")]
                fn tell(&self, scope: &mut Scope<M>) -> Result<(), Payload>;
            }

            impl<M: ObserveError, T, E $($bounds)*> $name<M> for $look {
                fn tell(&self, scope: &mut Scope<M>) -> Result<(), Payload> {
                    self.tell_as(scope, |$error, observe| observe($as_error))
                }
            }
        };
    }

    way!(AsError, &&&&&Look<'_, Result<T, E>>, [: Error + 'static], |error| error);
    way!(AsSendSync, &&&&Look<'_, Result<T, E>>, [: AsRef<dyn Error + Send + Sync>], |error| error.as_ref());
    way!(AsDyn, &&&Look<'_, Result<T, E>>, [: AsRef<dyn Error>], |error| error.as_ref());
    way!(AsText, &&Look<'_, Result<T, E>>, [: Display], |error| &Message(error.to_string()));
    way!(AsName, &Look<'_, Result<T, E>>, [], |_error| &Message(type_name::<E>().to_owned()));

    pub trait NoResult<M: ObserveError> {
        #[expect(clippy::missing_errors_doc, reason = "not public API")]
        fn tell(&self, _scope: &mut Scope<M>) -> Result<(), Payload> {
            Ok(())
        }
    }
    impl<M: ObserveError, R> NoResult<M> for Look<'_, R> {}
}
