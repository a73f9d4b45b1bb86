//! Tests of the writer against a Parameter Store and a bucket in memory, in which other writers act between any two calls.

mod changes;
mod comparisons;
mod faults;
mod interleavings;
mod world;
