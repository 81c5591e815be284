//! Mistakes that are made in valid input.

use proc_macro2::Delimiter;
use proptest::prelude::*;
use proptest::sample::Index;

use super::input::{MOST, delimiter, token};
use super::tree::Input;
use super::tree::Tree::{self, Group as G, Token as T};

/// A change of the input at a place, anywhere in it.
#[derive(Clone, Debug)]
enum Mutation {
    Delete,
    Duplicate,
    SwapWithNext,
    Replace(Tree),
    Insert(Tree),
    /// Everything after the place goes.
    Cut,
    /// A group becomes what is in it.
    Open,
    /// A token goes into a group.
    Wrap(Delimiter),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    prop_oneof![
        Just(Mutation::Delete),
        Just(Mutation::Duplicate),
        Just(Mutation::SwapWithNext),
        token().prop_map(Mutation::Replace),
        token().prop_map(Mutation::Insert),
        Just(Mutation::Cut),
        Just(Mutation::Open),
        delimiter().prop_map(Mutation::Wrap),
    ]
}

fn count(trees: &[Tree]) -> usize {
    trees.iter().map(|tree| if let G(_, inside) = tree { 1 + count(inside) } else { 1 }).sum()
}

/// Calls `change` with the list that token number `at` is in, and where.
fn at(trees: &mut Vec<Tree>, at: usize, change: &mut dyn FnMut(&mut Vec<Tree>, usize)) {
    let mut left = at;
    for place in 0..trees.len() {
        if left == 0 {
            change(trees, place);
            return;
        }
        left -= 1;
        if let G(_, inside) = &mut trees[place] {
            let size = count(inside);
            if left < size {
                self::at(inside, left, change);
                return;
            }
            left -= size;
        }
    }
}

fn mutate(trees: &mut Vec<Tree>, place: Index, mutation: &Mutation) {
    let size = count(trees);
    if size == 0 {
        return;
    }
    at(trees, place.index(size), &mut |list, at| match mutation {
        Mutation::Delete => drop(list.remove(at)),
        Mutation::Duplicate => list.insert(at, list[at].clone()),
        Mutation::SwapWithNext if at + 1 < list.len() => list.swap(at, at + 1),
        Mutation::SwapWithNext => {}
        Mutation::Replace(tree) => list[at] = tree.clone(),
        Mutation::Insert(tree) => list.insert(at, tree.clone()),
        Mutation::Cut => list.truncate(at),
        Mutation::Open => {
            if let G(_, inside) = list[at].clone() {
                list.splice(at..=at, inside);
            }
        }
        Mutation::Wrap(delimiter) => list[at] = G(*delimiter, vec![list[at].clone()]),
    });
}

/// The first tokens.
pub(super) fn cut(trees: Vec<Tree>, left: &mut usize) -> Vec<Tree> {
    let mut output = Vec::new();
    for tree in trees {
        if *left == 0 {
            break;
        }
        *left -= 1;
        output.push(match tree {
            G(delimiter, inside) => G(delimiter, cut(inside, left)),
            T(text) => T(text),
        });
    }
    output
}

pub(super) fn mutated(
    whole: impl Strategy<Value = Vec<Tree>>,
    other: impl Strategy<Value = Vec<Tree>>,
) -> impl Strategy<Value = Input> {
    let mutations = prop::collection::vec((any::<Index>(), mutation()), 0..4);
    (whole, mutations, prop::option::weighted(0.1, (other, any::<Index>(), any::<Index>()))).prop_map(
        |(mut trees, mutations, splice)| {
            for (place, mutation) in mutations {
                mutate(&mut trees, place, &mutation);
            }
            if let Some((mut other, first, second)) = splice {
                trees.truncate(first.index(trees.len() + 1));
                trees.extend(other.drain(second.index(other.len() + 1)..));
            }
            Input(cut(trees, &mut MOST.clone()))
        },
    )
}
