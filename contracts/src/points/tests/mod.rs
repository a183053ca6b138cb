//! Rule tables of points, and the properties that hold for every history.

mod holds;
mod reversals;
mod rules;
mod lapse;
mod properties;
