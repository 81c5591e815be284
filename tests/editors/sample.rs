//! What `lsp.py` opens in an editor: each place of the grammar once. It compiles; what is typed into it does not always.
//!
//! A line `//?` asks something at the code line below it:
//!
//! ```text
//! //? type CODE | wanted, …        completions where the bar is, with CODE typed as a line of its own above the code line
//! //? line CODE | MORE wanted …    the same, with the code line replaced
//! //? hover WORD: text             what the editor says of WORD
//! //? goto WORD: text              the line that it jumps to from WORD; with … behind it, one of several that it offers
//! ```

use std::convert::Infallible;

use async_with::{AsyncContextManager, ContextManager, Outcome, async_with, scoped, with, within};

#[derive(Debug)]
pub struct BankError;

pub struct Pool;

impl Pool {
    pub fn transaction(&self) -> Begin {
        Begin
    }

    pub fn named(&self, _name: &str) -> Begin {
        Begin
    }
}

pub struct Begin;

impl Begin {
    pub fn read_only(self) -> Begin {
        self
    }
}

/// A transaction that has begun.
pub struct Tx {
    pub log: Vec<String>,
}

impl Tx {
    pub async fn debit(&mut self, amount: u32) -> Result<Receipt, BankError> {
        self.log.push(format!("{amount}"));
        Ok(Receipt { amount })
    }

    pub fn savepoint(&self) -> Savepoint {
        Savepoint
    }

    pub fn is_open(&self) -> bool {
        true
    }
}

pub struct Receipt {
    pub amount: u32,
}

pub struct Savepoint;

pub struct Mark {
    pub depth: u32,
}

impl AsyncContextManager for Begin {
    type Value = Tx;
    type Error = BankError;

    async fn enter(&mut self) -> Result<Tx, BankError> {
        Ok(Tx { log: Vec::new() })
    }

    async fn exit(self, _value: Tx, _outcome: Outcome) -> Result<(), BankError> {
        Ok(())
    }
}

impl AsyncContextManager for Savepoint {
    type Value = (Mark, String);
    type Error = Infallible;

    async fn enter(&mut self) -> Result<(Mark, String), Infallible> {
        Ok((Mark { depth: 1 }, String::new()))
    }

    async fn exit(self, _value: (Mark, String), _outcome: Outcome) -> Result<(), Infallible> {
        Ok(())
    }
}

pub struct Indent;

impl ContextManager for Indent {
    type Value = Mark;
    type Error = Infallible;

    fn enter(&mut self) -> Result<Mark, Infallible> {
        Ok(Mark { depth: 1 })
    }

    fn exit(self, _value: Mark, _outcome: Outcome) -> Result<(), Infallible> {
        Ok(())
    }
}

pub async fn arrow_form(pool: &Pool, amount: u32) -> Result<u32, BankError> {
    //? line async_with!(pool.| as tx => { transaction, named
    //? line async_with!(pool.|.read_only() as tx => { transaction, named
    //? line async_with!(po| as tx => { pool
    //? line async_with!(pool.named(po|) as tx => { pool
    //? line async_with!(pool.named(pool.|) as tx => { transaction, named
    //? line async_with!(Pool::| as tx => { transaction, named
    //? line async_with!(&pool.| as tx => { transaction, named
    //? hover pool: pool: &Pool
    //? goto pool: pub async fn arrow_form( …
    //? goto transaction: pub fn transaction(&self)
    //? hover transaction: fn transaction(&self) -> Begin
    //? hover tx: tx: &mut Tx
    async_with!(pool.transaction() as tx => {
        //? type tx.| debit, savepoint, log
        //? type let open = tx.| debit, savepoint, log
        //? type let open = tx.|; debit, savepoint, log
        //? type let open = | tx, amount, pool
        //? type let open = &tx.|; debit, log
        //? type tx.debit(| tx, amount, pool
        //? type tx.debit(am|).await?; amount
        //? type tx.log.push(tx.|); debit, log
        //? type println!("{}", tx.|); debit, log
        //? type if tx.| {} is_open, log
        //? type match tx.| {} debit, log
        //? type for line in tx.| {} log
        //? type tx.savepoint().| enter
        //? type pool.transaction().| read_only
        //? type Pool::| transaction
        //? type let _close = |value: u32| tx.| log
        //? goto tx: async_with!(pool.transaction() as tx => {
        //? goto debit: pub async fn debit
        //? hover tx: tx: &mut Tx
        //? hover debit: async fn debit(&mut self, amount: u32) -> Result<Receipt, BankError>
        //? goto amount: pub async fn arrow_form(
        let receipt = tx.debit(amount).await?;
        //? type receipt.| amount
        //? type tx.| debit, savepoint, log
        //? type tx.savepoint().| enter
        //? hover receipt: receipt: Receipt
        receipt.amount
    })
}

pub async fn comma_form(pool: &Pool, amount: u32) -> Result<u32, BankError> {
    //? line async_with!(pool.| as tx, { transaction, named
    //? hover tx: tx: &mut Tx
    async_with!(pool.transaction() as tx, {
        //? type tx.| debit, savepoint, log
        //? type let open = tx.| debit, savepoint, log
        //? goto tx: async_with!(pool.transaction() as tx, {
        let receipt = tx.debit(amount).await?;
        //? type receipt.| amount
        receipt.amount
    })
}

pub async fn several_items(pool: &Pool) -> Result<u32, BankError> {
    //? line async_with!(pool.transaction() as tx, tx.| as (mark, name) => { savepoint, log
    //? line async_with!(pool.| as tx, tx.savepoint() as (mark, name) => { transaction
    //? hover mark: mark: &mut Mark
    //? goto savepoint: pub fn savepoint
    async_with!(pool.transaction() as tx, tx.savepoint() as (mark, name) => {
        //? type mark.| depth
        //? type name.| push_str
        //? type tx.| log
        //? hover mark: mark: &mut Mark
        //? goto mark: async_with!(pool.transaction() as tx, tx.savepoint() as (mark, name) => {
        mark.depth += 1;
        //? type mark.| depth
        name.clear();
        mark.depth
    })
}

pub async fn nested_blocks(pool: &Pool) -> Result<u32, BankError> {
    async_with!(pool.transaction() as tx => {
        //? line async_with!(tx.| as (mark, _) => { savepoint, log
        //? goto savepoint: pub fn savepoint
        async_with!(tx.savepoint() as (mark, _) => {
            //? type mark.| depth
            //? type tx.| savepoint
            //? hover mark: mark: &mut Mark
            //? goto depth: pub depth: u32,
            mark.depth
        })
    })
}

pub async fn jumps(pool: &Pool) -> Result<(), BankError> {
    for amount in 0..3_u32 {
        //? hover tx: tx: &mut Tx
        //? line async_with!(pool.| as tx => { transaction, named
        async_with!(pool.transaction() as tx => {
            //? type tx.| debit, savepoint, log
            //? type let open = tx.| debit, savepoint, log
            //? type let open = tx.|; debit, savepoint, log
            //? goto tx: async_with!(pool.transaction() as tx => {
            if tx.is_open() {
                //? type tx.| debit, savepoint, log
                break;
            }
            //? type tx.| debit, savepoint, log
            //? type let open = tx.| debit, savepoint, log
            //? type let open = tx.|; debit, savepoint, log
            //? type let open = |; tx, amount
            //? type tx.debit(|) tx, amount
            //? type if tx.| {} is_open, log
            //? hover amount: amount: u32
            //? goto debit: pub async fn debit
            //? hover tx: tx: &mut Tx
            let receipt = tx.debit(amount).await?;
            //? type receipt.| amount
            //? type tx.| debit, savepoint, log
            //? hover receipt: receipt: Receipt
            if receipt.amount == 1 { continue }
            //? type tx.| debit, savepoint, log
            tx.savepoint();
        })?;
    }
    Ok(())
}

pub async fn break_with_a_value(pool: &Pool) -> Result<u32, BankError> {
    let sum = loop {
        async_with!(pool.transaction() as tx => {
            if tx.is_open() {
                break tx.debit(1).await?;
            }
            //? type tx.| debit, savepoint, log
            //? type let open = tx.|; debit, savepoint, log
            tx.savepoint();
        })?;
    };
    //? hover sum: sum: Receipt
    //? type sum.| amount
    Ok(sum.amount)
}

pub async fn jump_in_a_nested_block(pool: &Pool) -> Result<(), BankError> {
    loop {
        async_with!(pool.transaction() as tx => {
            async_with!(tx.savepoint() as (mark, _) => {
                //? type mark.| depth
                if mark.depth == 1 {
                    break;
                }
                //? type mark.| depth
                //? type let open = tx.|; debit, savepoint, log
                //? hover mark: mark: &mut Mark
                mark.depth += 1;
            });
            //? type tx.| debit, savepoint, log
            tx.savepoint();
        })?;
    }
    Ok(())
}

pub async fn expression_body(pool: &Pool, amount: u32) -> Result<Result<Receipt, BankError>, BankError> {
    //? line async_with!(pool.transaction() as tx => tx.|) debit, savepoint, log
    //? line async_with!(pool.transaction() as tx => tx.debit(am|).await) amount
    //? line async_with!(pool.transaction() as tx => tx.debit(amount).|) await
    //? goto debit: pub async fn debit
    async_with!(pool.transaction() as tx => tx.debit(amount).await)
}

pub async fn without_a_body_yet(pool: &Pool) {
    //? line async_with!(pool.|) transaction, named
    //? line async_with!(pool.transaction().|) read_only
    //? line async_with!(pool.transaction() as tx, tx.|) savepoint
    //? line async_with!(pool.transaction() as tx =>|) pool
    //? line async_with!(po|) pool
    pool.transaction();
}

pub async fn parts_of_a_body(pool: &Pool, amounts: &[u32]) -> Result<(), BankError> {
    async_with!(pool.transaction() as tx => {
        for amount in amounts {
            //? type tx.| debit, savepoint, log
            match amount {
                //? type 7 => tx.|, debit, savepoint, log
                0 => {
                    //? type tx.| debit, savepoint, log
                    tx.savepoint();
                }
                _ => {}
            }
        }
        let open = || {
            //? type tx.| savepoint, log
            tx.is_open()
        };
        //? hover open: open: impl Fn() -> bool
        open();
        let later = async {
            //? type tx.| debit, savepoint, log
            tx.debit(1).await
        };
        //? hover later: Result<Receipt, BankError>
        later.await?;
    })?;
    Ok(())
}

pub async fn value(pool: &Pool) -> Result<u32, BankError> {
    //? hover receipt: receipt: Receipt
    let receipt = async_with!(pool.transaction() as tx => { tx.debit(5).await? })?;
    //? type receipt.| amount
    //? hover infallible: infallible: u32
    let infallible = async_with!(Savepoint as (mark, _) => { mark.depth });
    Ok(receipt.amount + infallible)
}

pub async fn any_manager<M>(manager: M) -> Result<(), M::Error>
where
    M: AsyncContextManager<Value = Tx>,
{
    //? hover tx: tx: &mut Tx
    async_with!(manager as tx => {
        //? type tx.| debit, savepoint, log
        tx.savepoint();
    })
}

pub fn without_await() -> u32 {
    //? hover mark: mark: &mut Mark
    //? line with!(In| as mark => { Indent
    with!(Indent as mark => {
        //? type mark.| depth
        //? type let depth = mark.|; depth
        //? goto depth: pub depth: u32,
        mark.depth
    })
}

pub async fn with_an_async_body(pool: &Pool) -> Result<u32, BankError> {
    //? hover mark: mark: &mut Mark
    with!(Indent as mark => async {
        //? type mark.| depth
        async_with!(pool.transaction() as tx => {
            //? type tx.| debit, savepoint, log
            tx.debit(mark.depth).await?.amount
        })
    })
}

//? line #[within(pool.| as tx)] transaction, named
//? line #[within(po| as tx)] pool
//? line #[within(pool.transaction() as tx, tx.| as (mark, _))] savepoint
//? hover transaction: fn transaction(&self) -> Begin
//? goto transaction: pub fn transaction(&self)
//? hover tx: tx: &mut Tx
#[within(pool.transaction() as tx)]
pub async fn whole_function(pool: &Pool, amount: u32) -> Result<u32, BankError> {
    //? type tx.| debit, savepoint, log
    //? type let open = tx.|; debit, savepoint, log
    //? type let open = tx.| debit, savepoint, log
    //? type tx.debit(am|) amount
    //? hover tx: tx: &mut Tx
    //? goto debit: pub async fn debit
    //? goto amount: pub async fn whole_function(
    let receipt = tx.debit(amount).await?;
    //? type receipt.| amount
    //? type tx.| debit, savepoint, log
    //? hover receipt: receipt: Receipt
    Ok(receipt.amount)
}

#[scoped]
pub async fn rest_of_a_function(pool: &Pool, amount: u32) -> Result<u32, BankError> {
    //? type pool.| transaction, named
    //? type let before = am|; amount
    //? hover before: before: u32
    let before = amount + 1;
    #[enter]
    //? line let tx = pool.|; transaction, named
    //? line let tx = pool.| transaction, named
    //? line let tx = pool.|.read_only(); transaction, named
    //? line let tx = po|; pool
    //? line let tx = po| pool
    //? line let tx = | pool, before
    //? line let tx = pool.named(po|); pool
    //? line let tx = pool.named(po|) pool
    //? line let tx = Pool::|; transaction, named
    //? line let tx = pool.transaction().| read_only
    //? line let Tx { l| } = pool.transaction(); log
    //? hover pool: pool: &Pool
    //? goto pool: pub async fn rest_of_a_function( …
    //? goto transaction: pub fn transaction(&self)
    //? hover transaction: fn transaction(&self) -> Begin
    //? hover tx: tx: &mut Tx
    let tx = pool.transaction();
    //? type tx.| debit, savepoint, log
    //? type let open = tx.| debit, savepoint, log
    //? type let open = tx.|; debit, savepoint, log
    //? type let open = | tx, amount, before
    //? type tx.debit(am|).await?; amount
    //? type println!("{}", tx.|); debit, log
    //? type if tx.| {} is_open, log
    //? type match tx.| {} debit, log
    //? goto tx: let tx = pool.transaction();
    //? goto debit: pub async fn debit
    //? hover tx: tx: &mut Tx
    //? goto amount: pub async fn rest_of_a_function(
    let receipt = tx.debit(amount).await?;
    //? type receipt.| amount
    //? type tx.| debit, savepoint, log
    #[enter]
    //? line let (mark, name) = tx.|; savepoint, log
    //? line let (mark, name) = tx.| savepoint, log
    //? hover mark: mark: &mut Mark
    //? goto savepoint: pub fn savepoint
    let (mark, name) = tx.savepoint();
    //? type mark.| depth
    //? type name.| push_str
    //? type tx.| log
    //? goto name: let (mark, name) = tx.savepoint();
    name.clear();
    //? hover receipt: receipt: Receipt
    //? goto depth: pub depth: u32,
    Ok(receipt.amount + mark.depth + before)
}

#[scoped]
pub async fn rest_of_a_loop(pool: &Pool) -> Result<(), BankError> {
    for amount in 0..3_u32 {
        #[enter]
        //? line let tx = pool.|; transaction, named
        //? line let tx = pool.| transaction, named
        //? goto transaction: pub fn transaction(&self)
        //? hover tx: tx: &mut Tx
        let tx = pool.transaction();
        //? type tx.| debit, savepoint, log
        //? type let open = tx.| debit, savepoint, log
        //? type let open = tx.|; debit, savepoint, log
        //? goto tx: let tx = pool.transaction();
        if tx.is_open() {
            //? type tx.| debit, savepoint, log
            continue;
        }
        //? type tx.| debit, savepoint, log
        //? type let open = tx.| debit, savepoint, log
        //? type tx.debit(|) tx, amount
        //? hover amount: amount: u32
        //? goto debit: pub async fn debit
        //? hover tx: tx: &mut Tx
        let receipt = tx.debit(amount).await?;
        //? type receipt.| amount
        //? type tx.| debit, savepoint, log
        //? hover receipt: receipt: Receipt
        if receipt.amount == 1 {
            break;
        }
        //? type tx.| debit, savepoint, log
        tx.savepoint();
    }
    Ok(())
}

#[scoped]
pub async fn rest_of_a_nested_block(pool: &Pool) -> Result<u32, BankError> {
    'outer: loop {
        #[enter]
        let tx = pool.transaction();
        {
            #[enter]
            //? line let (mark, _) = tx.|; savepoint, log
            //? line let (mark, _) = tx.| savepoint, log
            //? hover mark: mark: &mut Mark
            let (mark, _) = tx.savepoint();
            //? type mark.| depth
            if mark.depth == 1 {
                break 'outer;
            }
            //? type mark.| depth
            //? type let open = tx.|; debit, savepoint, log
            //? hover mark: mark: &mut Mark
            //? goto depth: pub depth: u32,
            mark.depth += 1;
        }
        //? type tx.| debit, savepoint, log
        //? hover tx: tx: &mut Tx
        tx.savepoint();
    }
    //? hover receipt: receipt: Receipt
    let receipt = {
        #[enter]
        let tx = pool.transaction();
        //? type tx.| debit, savepoint, log
        tx.debit(5).await?
    };
    //? type receipt.| amount
    Ok(receipt.amount)
}

#[scoped]
pub async fn rest_of_an_async_block(pool: &Pool) -> Result<u32, BankError> {
    let later = async {
        #[enter]
        //? line let tx = pool.|; transaction, named
        let tx = pool.transaction();
        //? type tx.| debit, savepoint, log
        //? hover tx: tx: &mut Tx
        tx.debit(1).await
    };
    //? hover later: Result<Receipt, BankError>
    Ok(later.await?.amount)
}
