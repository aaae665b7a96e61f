"""The scikit-learn face: classifiers on either engine, and the reader as a transformer.

Reading order: `hyperparameters` (the parameters of `MLPClassifier` as a recipe), `scaling` (columns
to features), `fitting` (a training with MLPClassifier's stopping rules), `classifiers`,
`digit_reader`.
"""
