"""WS-CDA's losses and gradients against the paper's formulas, written down a second time without the code under test."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from zoopose.wscda.discriminator import DiscriminatorTrainer
from zoopose.wscda.losses import balanced_accuracy, human_animal_loss, labelled_unlabelled_loss, ramp, reverse_gradient


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def formula_ddl(logits, y, z, w1):
    """-w1 sum_i [...] - sum_i y_i [...], picture by picture."""
    total = 0.0
    for (a, b), yi, zi in zip(logits, y, z):
        y_hat, z_hat = sigmoid(a), sigmoid(b)
        total -= w1 * (yi * np.log(y_hat) + (1 - yi) * np.log(1 - y_hat))
        total -= yi * (zi * np.log(z_hat) + (1 - zi) * np.log(1 - z_hat))
    return total


def formula_pose(maps, target, weight):
    """Mean over labelled joints of the mean squared error over cells, joint by joint, summed over the stages."""
    total = 0.0
    for stage in maps:
        errors = [
            np.mean((stage[i, j] - target[i, j]) ** 2) * weight[i, j]
            for i in range(len(target)) for j in range(target.shape[1])
        ]  # fmt: skip
        total += np.sum(errors) / weight.sum()
    return total


@pytest.mark.parametrize(("w1", "w2"), [(1.0, None), (0.3, 2.5)])
def test_values_equal_the_formulas(step_of, network_of, parts_of, w1, w2):
    network, parts = network_of().eval(), parts_of()
    losses = {k: v.detach() for k, v in step_of(w1=w1, w2=w2)(network, (0, parts)).items()}
    with torch.no_grad():
        each = {name: network.pose_network.features(p["images"]) for name, p in parts.items()}
        logits = torch.cat([network.discriminator(f) for _, f in each.values()]).numpy()
        earlier, last = each["animal"]
        animal = [*(m.numpy() for m in earlier), network.pose_network.head(network.pose_network.adapter(last)).numpy()]
        human = [network.human_head(each["human"][1]).numpy()]
    y, z = np.array([0, 0, 1, 1, 1, 1]), np.array([0, 0, 0, 0, 1, 1])
    labels = {name: (p["target"].numpy(), p["weight"].numpy()) for name, p in parts.items()}
    # two pictures of each domain in a batch of six: a sum over a domain's pictures is twice their mean
    pose = ((w2 or 1.0) * 2 * formula_pose(animal, *labels["animal"]) + 2 * formula_pose(human, *labels["human"])) / 6
    ddl = formula_ddl(logits, y, z, w1) / 6
    found = float(losses["domain_human_animal"] + losses["domain_labelled_unlabelled"])
    assert found == pytest.approx(ddl, abs=1e-6)
    assert float(losses["pose_animal"] + losses["pose_human"]) == pytest.approx(pose, abs=1e-6)
    assert float(losses["total"]) == pytest.approx(ddl + 500 * pose, abs=1e-6)


def gradients(network, objective):
    """Of every parameter, zeros where none reaches it."""
    parameters = dict(network.named_parameters())
    found = torch.autograd.grad(objective, list(parameters.values()), retain_graph=True, allow_unused=True)
    return {n: torch.zeros_like(p) if g is None else g for (n, p), g in zip(parameters.items(), found)}


def test_gradients_are_those_of_the_two_objectives(step_of, network_of, parts_of):
    """The discriminator's is L_DDL's, everything else's is that of alpha L_DDL + beta L_pose: no reversal in this second form."""
    network, parts = network_of(), parts_of()
    alpha, beta, w1 = -0.7, 20.0, 0.6
    step_of(alpha=alpha, beta=beta, w1=w1)(network, (0, parts))["total"].backward()
    once = {n: p.grad.clone() for n, p in network.named_parameters()}

    images = torch.cat([p["images"] for p in parts.values()])
    earlier, features = network.pose_network.features(images)
    prob = 1 / (1 + torch.exp(-network.discriminator(features)))
    ddl = -(w1 * (torch.log(1 - prob[:2, 0]).sum() + torch.log(prob[2:, 0]).sum())
            + torch.log(1 - prob[2:4, 1]).sum() + torch.log(prob[4:, 1]).sum()) / 6  # fmt: skip

    def squares(maps, part):
        cells = ((maps - part["target"]) ** 2).mean((2, 3)) * part["weight"]
        return cells.sum() / part["weight"].sum()

    maps = network.pose_network.head(network.pose_network.adapter(features[2:]))[:2]
    pose = sum(squares(m, parts["animal"]) for m in [earlier[0][2:4], maps]) / 3
    pose = pose + squares(network.human_head(features[:2]), parts["human"]) / 3
    rest, own = gradients(network, alpha * ddl + beta * pose), gradients(network, ddl)
    for name, gradient in once.items():
        expected = own[name] if name.startswith("discriminator.") else rest[name]
        torch.testing.assert_close(gradient, expected, atol=1e-6, rtol=1e-6, msg=name)


def test_one_step_of_the_reversal_is_one_step_of_two_optimisers(step_of, network_of, parts_of):
    once, twice, parts = network_of(), network_of(), parts_of()
    optimizer = torch.optim.SGD(once.parameters(), lr=0.01)
    step_of()(once, (0, parts))["total"].backward()
    optimizer.step()

    inside = [p for n, p in twice.named_parameters() if n.startswith("discriminator.")]
    outside = [p for n, p in twice.named_parameters() if not n.startswith("discriminator.")]
    losses = step_of(alpha=0.0)(twice, (0, parts))  # nothing of the domain loss comes through the reversal
    domain = losses["domain_human_animal"] + losses["domain_labelled_unlabelled"]
    pose = losses["pose_animal"] + losses["pose_human"]
    down = torch.autograd.grad(domain, inside, retain_graph=True)
    # the same domain loss, seen by the extractor without a reversal
    twice_features = twice.pose_network.features(torch.cat([p["images"] for p in parts.values()]))[1]
    logits = twice.discriminator(twice_features)
    kind = torch.tensor([0, 0, 1, 1, 2, 2])
    seen = human_animal_loss(logits, kind > 0) + labelled_unlabelled_loss(logits, kind > 0, kind == 2)
    up = torch.autograd.grad(-seen, outside, retain_graph=True, allow_unused=True)
    pull = torch.autograd.grad(500 * pose, outside, allow_unused=True)
    with torch.no_grad():
        for p, g in zip(inside, down):
            p -= 0.01 * g
        for p, a, b in zip(outside, up, pull):
            p -= 0.01 * ((0 if a is None else a) + (0 if b is None else b))
    for (name, a), b in zip(once.named_parameters(), twice.parameters()):
        torch.testing.assert_close(a, b, atol=1e-9, rtol=1e-7, msg=name)


def test_no_part_is_dead_and_each_goes_its_own_way(step_of, network_of, parts_of):
    network, parts, step = network_of(), parts_of(), step_of(beta=1.0)
    before = step(network, (0, parts))
    before["total"].backward()
    before = {k: v.detach() for k, v in before.items()}
    main = network.pose_network
    for name, part in {
        "extractor": main.hg, "adaptation": main.adapter, "animals": main.score,
        "humans": network.human_head, "discriminator": network.discriminator,
    }.items():  # fmt: skip
        assert sum(float(p.grad.abs().sum()) for p in part.parameters()) > 0, name

    def moved(part, sign):
        other = network_of()
        other.load_state_dict(network.state_dict())
        chosen = dict(getattr(other, part).named_parameters())
        with torch.no_grad():
            for name, p in getattr(network, part).named_parameters():
                chosen[name] -= sign * 1e-3 * p.grad
        return {k: v.detach() for k, v in step(other, (0, parts)).items()}

    domain = ("domain_human_animal", "domain_labelled_unlabelled")
    told = sum(float(before[d]) for d in domain)
    assert sum(float(moved("discriminator", 1)[d]) for d in domain) < told, "the discriminator learns the domains"
    assert float(moved("human_head", 1)["pose_human"]) < float(before["pose_human"])


def test_the_extractor_is_pushed_to_confuse(step_of, network_of, parts_of):
    network, parts = network_of(), parts_of()
    losses = step_of()(network, (0, parts))
    domain = losses["domain_human_animal"] + losses["domain_labelled_unlabelled"]
    extractor = list(network.pose_network.hg.parameters())
    through = torch.autograd.grad(domain, extractor)
    images = torch.cat([p["images"] for p in parts.values()])
    logits = network.discriminator(network.pose_network.features(images)[1])
    kind = torch.tensor([0, 0, 1, 1, 2, 2])
    plain = human_animal_loss(logits, kind > 0) + labelled_unlabelled_loss(logits, kind > 0, kind == 2)
    for a, b in zip(through, torch.autograd.grad(plain, extractor)):
        torch.testing.assert_close(a, -b, atol=1e-9, rtol=1e-7)


@pytest.mark.parametrize(
    ("names", "terms"),
    [
        (("human", "animal", "target"), {"pose_human", "pose_animal", "domain_human_animal", "domain_labelled_unlabelled"}),
        (("animal", "target"), {"pose_animal", "domain_labelled_unlabelled"}),
        (("human", "animal"), {"pose_human", "pose_animal", "domain_human_animal"}),
        (("human", "target"), {"pose_human", "domain_human_animal"}),
        (("animal",), {"pose_animal"}),
        (("human",), {"pose_human"}),
    ],
)  # fmt: skip
def test_terms_of_absent_domains_vanish(step_of, network_of, parts_of, names, terms):
    parts = parts_of(names)
    if "animal" not in names:  # then the network's joints are the humans'
        parts["human"] = parts_of(("animal",))["animal"]
    losses = {k: v.detach() for k, v in step_of(names)(network_of(names), (0, parts)).items()}
    assert {n for n in losses if n.startswith(("pose_", "domain_"))} == terms
    assert float(losses["total"]) == pytest.approx(
        sum(float(losses[t]) * (500 if t.startswith("pose_") else 1) for t in terms), rel=1e-12
    )


def test_reversal_and_ramp():
    x = torch.tensor([1.0, -2.0], requires_grad=True)
    y = reverse_gradient(x, 0.25)
    assert torch.equal(y, x)
    y.square().sum().backward()
    assert torch.equal(x.grad, -0.25 * 2 * x.detach())
    assert ramp(0) == 0 and ramp(1) == ramp(7) == pytest.approx(0.9999, abs=1e-4)
    assert ramp(0.1) == pytest.approx(2 / (1 + math.exp(-1)) - 1)


def test_alpha_grows_over_the_first_part_of_the_training(step_of):
    step = step_of(warmup=0.5, epochs=4)  # twelve steps
    grown = [step.strength(n) for n in range(12)]
    assert grown[0] == 0 and grown == sorted(grown)
    assert grown[3] == pytest.approx(ramp(0.5)) and grown[6] == grown[11] == ramp(1)
    assert step_of(warmup=0.0).strength(0) == 1.0


def test_accuracy_of_a_guess_is_a_half_however_many_there_are():
    truth = torch.tensor([1, 1, 1, 1, 0])
    assert balanced_accuracy(torch.ones(5), truth) == 0.5
    assert balanced_accuracy(torch.tensor([1.0, 1, 1, -1, -1]), truth) == pytest.approx(0.875)


def test_a_discriminator_in_pursuit_comes_nearer_to_the_best(step_of, network_of, parts_of, fabric):
    network, parts = network_of(), parts_of()
    trainer = DiscriminatorTrainer(network.discriminator, 5, 1e-2, fabric)
    step = step_of(alpha=0.0, discriminator_trainer=trainer)
    before = {n: p.detach().clone() for n, p in network.named_parameters()}
    domain = ("domain_human_animal", "domain_labelled_unlabelled")
    first = step(network, (0, parts))
    step.after_step(network.pose_network)
    moved = {n for n, p in network.named_parameters() if not torch.equal(p, before[n])}
    assert moved and all(n.startswith("discriminator.") for n in moved)
    second = step(network, (0, parts))
    assert sum(float(second[d].detach()) for d in domain) < sum(float(first[d].detach()) for d in domain)
    assert trainer.state_dict()["state"][0]["step"] == 5
