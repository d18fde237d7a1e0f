"""The table of faults: what each is, how it shows, what to do, and the chapter that explains it."""

from dataclasses import dataclass

from alexnet_course.diagnosis import of_images, of_network, of_runs, of_training
from alexnet_course.diagnosis.seen import Detector


@dataclass(frozen=True)
class Kind:
    """One kind of fault. ``detector`` gives the evidence; ``hidden_by`` names kinds that explain
    what it would see, so that it is not told beside them.
    """

    number: int
    name: str
    what: str
    mend: str
    chapter: int
    detector: Detector
    hidden_by: tuple[str, ...] = ()

    @property
    def of_images(self) -> bool:
        """Whether it is looked for in images and labels alone."""
        return self.detector.__module__ == of_images.__name__


_BROKEN_SIGNAL = ("inputs", "first-weights-small", "first-weights-large", "first-weights-equal")

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind(
            1,
            "softmax-before-loss",
            "A softmax stands before the cross-entropy, which takes its own.",
            "Take the softmax out of the network, and let it give logits.",
            11,
            of_network.softmax_before_loss,
        ),
        Kind(
            2,
            "activation-at-the-end",
            "The last layer is followed by an activation.",
            "Let the network end with its last linear layer.",
            5,
            of_network.activation_at_the_end,
            hidden_by=("softmax-before-loss",),
        ),
        Kind(
            3,
            "no-non-linearity",
            "Two layers follow each other without a non-linearity.",
            "Put a ReLU between them.",
            5,
            of_network.no_non_linearity,
        ),
        Kind(
            4,
            "gradients-not-zeroed",
            "Gradients of earlier steps are added to those of this one.",
            "Call optimizer.zero_grad() before each backward pass.",
            11,
            of_training.gradients_not_zeroed,
        ),
        Kind(
            5,
            "nothing-moves",
            "The optimiser moves none of the network's weights.",
            "Call optimizer.step() after backward(), with an optimiser of this network's "
            "parameters, made after the network stood on its device.",
            11,
            of_training.nothing_moves,
        ),
        Kind(
            6,
            "layers-left-out",
            "Some layers don't learn: frozen, unused, or unknown to the network or the optimiser.",
            "Keep layers in nn.ModuleList or nn.Sequential, give all parameters to the optimiser, "
            "and unfreeze what should learn.",
            11,
            of_training.layers_left_out,
            hidden_by=("nothing-moves",),
        ),
        Kind(
            7,
            "test-in-training-mode",
            "Testing runs in training mode.",
            "Call network.eval() before testing.",
            8,
            of_network.test_in_training_mode,
        ),
        Kind(
            8,
            "training-in-test-mode",
            "Training runs in evaluation mode, as left by a test.",
            "Call network.train() at the start of every epoch.",
            8,
            of_network.training_in_test_mode,
        ),
        Kind(
            9,
            "dropout",
            "Dropout is on while testing, or scales twice or never.",
            "Use nn.Dropout, or F.dropout(x, training=self.training).",
            8,
            of_network.dropout_wrong,
        ),
        Kind(
            10,
            "inputs",
            "The network's inputs are not scaled, or scaled twice.",
            "Scale pixels once, to mean 0 and deviation 1 or from −1 to 1.",
            11,
            of_images.inputs_out_of_scale,
        ),
        Kind(
            11,
            "test-prepared-otherwise",
            "Test images are prepared in another way than training images.",
            "Use the same scaling, size and order of channels, with the training images' mean.",
            9,
            of_images.tests_prepared_otherwise,
        ),
        Kind(
            12,
            "labels-shuffled",
            "Labels don't belong to their images.",
            "Show ten images with their labels; shuffle both by the same order, or neither.",
            14,
            of_images.labels_shuffled,
            hidden_by=("inputs",),
        ),
        Kind(
            13,
            "labels-off",
            "Labels and outputs don't fit: off by one, out of range, or a class missing.",
            "Number classes from 0, with as many outputs as classes.",
            2,
            of_images.labels_off,
            hidden_by=("sorted-or-unbalanced",),
        ),
        Kind(
            14,
            "sorted-or-unbalanced",
            "Batches are sorted by class, or some classes are rare.",
            "Shuffle the training images (shuffle=True); show rare classes more often.",
            11,
            of_images.sorted_or_unbalanced,
        ),
        Kind(
            15,
            "overlap",
            "Test images are among the training images.",
            "Part the images before anything else, copies of a picture on one side.",
            12,
            of_images.overlap,
        ),
        Kind(
            16,
            "first-weights-small",
            "First weights are too small for so many layers.",
            "Draw them with a deviation of √(2 / inputs), as He et al. do.",
            11,
            of_network.first_weights_too_small,
            hidden_by=("inputs", "first-weights-equal", "dead-relus"),
        ),
        Kind(
            17,
            "first-weights-large",
            "First weights are too large.",
            "Draw them with a deviation of √(2 / inputs), as He et al. do.",
            11,
            of_network.first_weights_too_large,
            hidden_by=("inputs",),
        ),
        Kind(
            18,
            "first-weights-equal",
            "The units of a layer begin with the same weights.",
            "Draw first weights at random.",
            11,
            of_network.first_weights_equal,
        ),
        Kind(
            19,
            "dead-relus",
            "Most units of a ReLU are dead.",
            "Begin with biases of 0 or a little more, and centred inputs.",
            5,
            of_network.dead_relus,
            hidden_by=("inputs", "first-weights-equal", "activation-at-the-end"),
        ),
        Kind(
            20,
            "rate-too-high",
            "The learning rate is too high.",
            "Divide it by 10, or warm up.",
            11,
            of_training.rate_too_high,
            hidden_by=(
                *_BROKEN_SIGNAL,
                "gradients-not-zeroed",
                "weight-decay",
                "sorted-or-unbalanced",
                "labels-off",
            ),
        ),
        Kind(
            21,
            "rate-too-low",
            "The learning rate is too low, or its schedule ends too early.",
            "Multiply it by 10 until the loss falls; step a schedule of epochs once an epoch.",
            11,
            of_training.rate_too_low,
            hidden_by=("nothing-moves", "dead-relus", *_BROKEN_SIGNAL),
        ),
        Kind(
            22,
            "weight-decay",
            "Weight decay has the wrong sign, acts twice, is huge, or goes through Adam.",
            "Give it once, to SGD or AdamW, of the order of 5e-4 for SGD.",
            11,
            of_training.weight_decay_wrong,
        ),
        Kind(
            23,
            "size-slip",
            "Sizes don't fit each other.",
            "Walk through the sizes layer by layer, with floor or ceiling as the layer has it.",
            3,
            of_network.size_slip,
        ),
        Kind(
            24,
            "accuracy-wrong",
            "The accuracy is not the share of right answers.",
            "Count right answers over all images, by the largest output of each image, and divide "
            "once.",
            12,
            of_runs.accuracy_wrong,
            hidden_by=("test-in-training-mode", "augmentation", "dropout"),
        ),
        Kind(
            25,
            "augmentation",
            "Test images are augmented, or training images always in the same way.",
            "Draw augmentation anew for each training image and epoch, and not for the test.",
            9,
            of_images.augmentation_misplaced,
        ),
        Kind(
            26,
            "data-parallel",
            "Processes that train together don't share their work.",
            "Call the wrapped network, use a DistributedSampler with set_epoch, and mean losses.",
            10,
            of_runs.data_parallel_wrong,
        ),
        Kind(
            27,
            "resuming",
            "A run that is resumed is not the run that was stopped.",
            "Save the next epoch's number, the weights, the optimiser and the generators' states.",
            11,
            of_runs.resuming_wrong,
            hidden_by=("gradients-not-zeroed", "training-in-test-mode"),
        ),
    )
}
