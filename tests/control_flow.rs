use async_with::*;
use std::convert::Infallible;
struct M;
impl AsyncContextManager for M {
    type Value = u8;
    type Error = String;
    async fn enter(&mut self) -> Result<u8, String> { Ok(5) }
    async fn exit(self, v: u8, o: Outcome) -> Result<(), String> { println!("{v} {o}"); Ok(()) }
}
struct N;
impl AsyncContextManager for N {
    type Value = u8;
    type Error = Infallible;
    async fn enter(&mut self) -> Result<u8, Infallible> { Ok(6) }
    async fn exit(self, v: u8, o: Outcome) -> Result<(), Infallible> { println!("{v} {o}"); Ok(()) }
}
#[tokio::test]
async fn works() {
    let r = async_with!(M as m => { *m += 1; *m });
    assert_eq!(r, Ok(6));
    let n = async_with!(N as m => { *m += 1; *m });
    assert_eq!(n, 7);
    let n = async_with!(N as n, M as m => { *m + *n });
    assert_eq!(n, Ok(11));
    for i in 0..3 {
        async_with!(N as n, M as m => { if i == 1 { break } else { continue }; }).unwrap();
    }
    let x = 'a: loop { async_with!(N => { async_with!(N => { break 'a 5u64 }) }) };
    assert_eq!(x, 5);
    let b: Result<Box<dyn std::fmt::Debug>, String> = async_with!(M => { Box::new(4) });
    b.unwrap();
}
