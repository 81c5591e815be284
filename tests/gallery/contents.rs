//! What is on the page, in the order of a learner, and what is not.
//!
//! A ui test is on the page if it shows what no other on it shows. To put one there: write `tests/ui/fixed/NAME.rs`, an
//! explanation, the code put right and one test that runs it; name it among the modules here and in a chapter; refresh.

/// How the page begins. For `MANAGERS` there are the managers of `tests/ui_support`.
pub const INTRODUCTION: &str = "\
# Mistakes

<!-- Made from tests/ui by tests/gallery; refresh with: UPDATE_EXPECT=1 cargo test --test gallery -->

Each mistake with what rustc 1.95 answers, and the same put right. The tests of this crate compile the mistakes and compare the
answers, and compile and run what is put right; this page is made from their files.

The code is without its imports, and without what stays as it is. From the answers, notes about the inside of this crate and
warnings are left out. The files are in `tests/ui`, under the names that the answers begin with.

Most mistakes are shown with these managers:

MANAGERS

## Contents";

pub struct Chapter {
    pub title: &'static str,
    pub introduction: &'static str,
    /// Names of ui tests.
    pub mistakes: &'static [&'static str],
}

/// Why a ui test is not on the page.
pub enum LeftOut {
    /// There is one on the page that teaches the same.
    Like(&'static str),
    /// It is a mistake of Rust, to which this crate adds nothing, and rustc says what to do. The test is for the place that it
    /// points at.
    PlainRust,
    /// It is code that is being typed, which is no mistake. The test is for editors.
    HalfTyped,
}

/// A chapter of mistakes that are put right in modules of these names: otherwise it does not compile.
macro_rules! chapter {
    ($title:literal, $introduction:literal, [$($name:ident),* $(,)?]) => {{
        $(
            #[allow(unused_imports, reason = "only to see whether it is there")]
            use fixed::$name;
        )*
        Chapter { title: $title, introduction: $introduction, mistakes: &[$(stringify!($name)),*] }
    }};
}

pub const CHAPTERS: &[Chapter] = &[
    chapter! {
        "Writing a block",
        "A block is over one or more managers, and has a body. The macro says which of these is missing, and where.",
        [
            missing_manager,
            missing_body,
            missing_arrow,
            statements_without_braces,
            trailing_tokens,
            two_mistakes,
            outside_async,
            outside_of_functions,
        ]
    },
    chapter! {
        "Names and patterns",
        "What a manager lends has a name in the body, and there alone.",
        [
            missing_name,
            not_a_pattern,
            pattern_of_wrong_arity,
            refutable_pattern,
            name_assigned_without_mut,
            name_used_after_the_block,
            name_used_in_its_own_header,
        ]
    },
    chapter! {
        "Managers that do not fit",
        "What Python finds out when the block is entered, the compiler finds out before the program runs.",
        [
            sync_manager_in_async_with,
            async_manager_in_with,
            with_of_several_kinds,
            not_a_manager,
            methods_without_the_trait,
            manager_used_after_the_block,
        ]
    },
    chapter! {
        "Writing a manager",
        "A manager has two methods, `enter` and `exit`, and says of which types the value and the error are.",
        [
            exit_missing,
            enter_not_async,
            exit_of_wrong_type,
        ]
    },
    chapter! {
        "Errors",
        "What entering and exiting report is the value of the block.",
        [
            unused_result,
            wrong_error_type_among_items,
        ]
    },
    chapter! {
        "Ways out of the body",
        "`return`, `?`, `break` and `continue` mean in the body what they mean without the block. These are the exceptions.",
        [
            jump_hidden_in_a_macro,
            jump_out_of_an_async_block,
        ]
    },
    chapter! {
        "What goes into the body and what comes out",
        "The body uses the variables of the function. To the borrow checker it does so all at once, like a closure that is called on the spot.",
        [
            assigned_in_the_body,
            moved_in_the_body,
            borrow_escapes,
            borrow_escapes_into_variable,
        ]
    },
    chapter! {
        "Blocks that do not await",
        "`with!` has the same grammar, for managers that need no awaiting, in any function.",
        [
            await_in_with,
            async_with_in_with,
            async_move_in_with,
        ]
    },
    chapter! {
        "The whole function as the block",
        "`#[within]` goes on an `async fn`, whose body is then the body of the block.",
        [
            within_without_a_manager,
            within_with_a_body,
            within_on_a_plain_fn,
            within_below_an_attribute_that_takes_async,
            within_on_other_items,
            within_on_a_closure,
            within_on_a_method_without_body,
            within_fallible_without_result,
            within_error_that_does_not_convert,
            within_swallows_without_nothing,
            within_break_out,
            within_crate_as_text,
        ]
    },
    chapter! {
        "The rest of a block",
        "Under `#[scoped]`, an `#[enter] let` makes the rest of its block the body.",
        [
            scoped_on_a_plain_fn,
            scoped_enter_outside,
            scoped_enter_on_an_expression,
            scoped_without_initialiser,
            scoped_let_else,
            scoped_enter_with_cfg,
            scoped_enter_in_a_closure,
            scoped_name_used_after_its_block,
            scoped_fallible_without_result,
        ]
    },
    chapter! {
        "Managers made of functions",
        "`defer`, `from_fn` and `context` make a manager without a new type.",
        [
            defer_not_async,
            defer_gives_a_value,
            from_fn_enter_without_result,
            from_fn_exit_of_wrong_error,
            context_body_not_run,
            context_body_run_twice,
            context_done_forgotten,
        ]
    },
    chapter! {
        "Stacks",
        "An `AsyncExitStack` is entered one by one, and closed as a whole.",
        [
            stack_unused,
            stack_closed_with_a_handle_alive,
            stack_used_after_close,
            stack_infallible_does_not_convert,
        ]
    },
    chapter! {
        "`Send`, borrowing, and what runs on",
        "When its future is dropped, an exit runs on without it. So most managers have to be `Send + 'static`.",
        [
            not_send_in_spawned_task,
            stack_entry_local,
            defer_borrows,
            into_async_borrows,
            into_async_of_async,
        ]
    },
];

/// The ui tests that are not on the page.
pub const LEFT_OUT: &[(&str, LeftOut)] = &[
    ("async_body_after_a_comma", LeftOut::Like("await_in_with")),
    ("context_borrows", LeftOut::Like("defer_borrows")),
    ("context_done_before_run", LeftOut::PlainRust),
    ("context_done_forgotten_in_a_block", LeftOut::Like("context_done_forgotten")),
    ("context_done_made_by_hand", LeftOut::Like("context_body_not_run")),
    ("context_not_async", LeftOut::Like("defer_not_async")),
    ("context_of_wrong_error", LeftOut::Like("from_fn_exit_of_wrong_error")),
    ("context_run_not_awaited", LeftOut::PlainRust),
    ("context_value_not_send", LeftOut::Like("stack_entry_local")),
    ("defer_error_unhandled", LeftOut::Like("unused_result")),
    ("defer_not_a_function", LeftOut::PlainRust),
    ("defer_without_outcome", LeftOut::PlainRust),
    ("empty", LeftOut::Like("missing_manager")),
    ("enter_missing", LeftOut::Like("exit_missing")),
    ("exit_not_a_function", LeftOut::Like("exit_missing")),
    ("error_converted_by_the_wrong_function", LeftOut::PlainRust),
    ("from_fn_borrows", LeftOut::Like("defer_borrows")),
    ("from_fn_enter_not_async", LeftOut::Like("defer_not_async")),
    ("from_fn_exit_gives_a_value", LeftOut::Like("defer_gives_a_value")),
    ("from_fn_exit_not_async", LeftOut::Like("defer_not_async")),
    ("from_fn_exit_without_outcome", LeftOut::PlainRust),
    ("from_fn_not_send", LeftOut::Like("not_send_in_spawned_task")),
    ("half_typed_body", LeftOut::HalfTyped),
    ("half_typed_manager", LeftOut::HalfTyped),
    ("into_async_not_send", LeftOut::Like("stack_entry_local")),
    ("missing_body_after_arrow", LeftOut::Like("missing_body")),
    ("missing_manager_before_as", LeftOut::Like("missing_manager")),
    ("name_used_before_the_block", LeftOut::Like("name_used_in_its_own_header")),
    ("not_a_manager_and_question_mark", LeftOut::Like("not_a_manager")),
    ("not_a_manager_but_a_number", LeftOut::Like("not_a_manager")),
    ("not_a_manager_in_a_list", LeftOut::Like("not_a_manager")),
    ("not_a_manager_in_a_nested_block", LeftOut::Like("not_a_manager")),
    ("not_a_manager_in_with", LeftOut::Like("not_a_manager")),
    ("outside_async_in_closure", LeftOut::Like("outside_async")),
    ("scoped_borrow_escapes", LeftOut::Like("borrow_escapes")),
    ("scoped_enter_outside_imported", LeftOut::Like("scoped_enter_outside")),
    ("scoped_enter_with_a_manager", LeftOut::Like("trailing_tokens")),
    ("scoped_error_that_does_not_convert", LeftOut::Like("within_error_that_does_not_convert")),
    ("scoped_in_with", LeftOut::Like("async_with_in_with")),
    ("scoped_not_a_manager", LeftOut::Like("not_a_manager")),
    ("scoped_refutable_pattern", LeftOut::Like("refutable_pattern")),
    ("scoped_swallows_without_nothing", LeftOut::Like("within_swallows_without_nothing")),
    ("scoped_sync_manager", LeftOut::Like("sync_manager_in_async_with")),
    ("scoped_with_a_manager", LeftOut::Like("within_with_a_body")),
    ("stack_closed_twice", LeftOut::Like("stack_used_after_close")),
    ("stack_closed_with_a_handle_in_scope", LeftOut::Like("stack_closed_with_a_handle_alive")),
    ("stack_defer_without_a_function", LeftOut::PlainRust),
    ("stack_deferred_borrows", LeftOut::Like("defer_borrows")),
    ("stack_deferred_gives_a_value", LeftOut::Like("defer_gives_a_value")),
    ("stack_deferred_not_a_function", LeftOut::PlainRust),
    ("stack_dropped_with_a_handle_alive", LeftOut::Like("stack_closed_with_a_handle_alive")),
    ("stack_entry_not_a_manager", LeftOut::Like("not_a_manager")),
    ("stack_error_does_not_convert", LeftOut::Like("stack_infallible_does_not_convert")),
    ("stack_handle_escapes_the_block", LeftOut::Like("borrow_escapes")),
    ("stack_pushed_exit_not_a_function", LeftOut::PlainRust),
    ("stack_taken_with_a_handle_alive", LeftOut::Like("stack_closed_with_a_handle_alive")),
    ("stack_used_by_its_own_exit", LeftOut::Like("stack_used_after_close")),
    ("task_group_entered_twice", LeftOut::Like("manager_used_after_the_block")),
    ("timeout_entered_again_in_its_block", LeftOut::Like("manager_used_after_the_block")),
    ("type_error_in_the_body", LeftOut::PlainRust),
    ("unknown_manager", LeftOut::PlainRust),
    ("unknown_method_in_the_body", LeftOut::PlainRust),
    ("within_bad_items", LeftOut::Like("two_mistakes")),
    ("within_borrow_escapes", LeftOut::Like("borrow_escapes")),
    ("within_crate_is_elsewhere", LeftOut::Like("within_crate_as_text")),
    ("within_fallible_in_a_unit_function", LeftOut::Like("within_fallible_without_result")),
    ("within_not_a_manager", LeftOut::Like("not_a_manager")),
    ("within_on_a_const_fn", LeftOut::Like("within_on_a_plain_fn")),
    ("within_on_a_plain_fn_that_awaits", LeftOut::Like("within_on_a_plain_fn")),
    ("within_type_error_in_the_body", LeftOut::PlainRust),
    ("within_unknown_name_in_the_body", LeftOut::PlainRust),
];

#[path = "../ui/fixed"]
mod fixed {
    pub mod assigned_in_the_body;
    pub mod async_manager_in_with;
    pub mod async_move_in_with;
    pub mod async_with_in_with;
    pub mod await_in_with;
    pub mod borrow_escapes;
    pub mod borrow_escapes_into_variable;
    pub mod context_body_not_run;
    pub mod context_body_run_twice;
    pub mod context_done_forgotten;
    pub mod defer_borrows;
    pub mod defer_gives_a_value;
    pub mod defer_not_async;
    pub mod enter_not_async;
    pub mod exit_missing;
    pub mod exit_of_wrong_type;
    pub mod from_fn_enter_without_result;
    pub mod from_fn_exit_of_wrong_error;
    pub mod into_async_borrows;
    pub mod into_async_of_async;
    pub mod jump_hidden_in_a_macro;
    pub mod jump_out_of_an_async_block;
    pub mod manager_used_after_the_block;
    pub mod methods_without_the_trait;
    pub mod missing_arrow;
    pub mod missing_body;
    pub mod missing_manager;
    pub mod missing_name;
    pub mod moved_in_the_body;
    pub mod name_assigned_without_mut;
    pub mod name_used_after_the_block;
    pub mod name_used_in_its_own_header;
    pub mod not_a_manager;
    pub mod not_a_pattern;
    pub mod not_send_in_spawned_task;
    pub mod outside_async;
    pub mod outside_of_functions;
    pub mod pattern_of_wrong_arity;
    pub mod refutable_pattern;
    pub mod scoped_enter_in_a_closure;
    pub mod scoped_enter_on_an_expression;
    pub mod scoped_enter_outside;
    pub mod scoped_enter_with_cfg;
    pub mod scoped_fallible_without_result;
    pub mod scoped_let_else;
    pub mod scoped_name_used_after_its_block;
    pub mod scoped_on_a_plain_fn;
    pub mod scoped_without_initialiser;
    pub mod stack_closed_with_a_handle_alive;
    pub mod stack_entry_local;
    pub mod stack_infallible_does_not_convert;
    pub mod stack_unused;
    pub mod stack_used_after_close;
    pub mod statements_without_braces;
    pub mod sync_manager_in_async_with;
    pub mod trailing_tokens;
    pub mod two_mistakes;
    pub mod unused_result;
    pub mod with_of_several_kinds;
    pub mod within_below_an_attribute_that_takes_async;
    pub mod within_break_out;
    pub mod within_crate_as_text;
    pub mod within_error_that_does_not_convert;
    pub mod within_fallible_without_result;
    pub mod within_on_a_closure;
    pub mod within_on_a_method_without_body;
    pub mod within_on_a_plain_fn;
    pub mod within_on_other_items;
    pub mod within_swallows_without_nothing;
    pub mod within_with_a_body;
    pub mod within_without_a_manager;
    pub mod wrong_error_type_among_items;
}
