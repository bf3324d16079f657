"""The objects of the last round of training, chosen by eye from those of the first round.

Each is one thing in clear view that can still be recognised at 64 pixels, and none is nearly another's double
(of dog, guide dog and service dog, dog face stays).
"""

from typing import Final

_BY_KIND: Final = (
    "grinning face, face with tears of joy, clown face, ghost, alien, robot",
    "monkey face, dog face, fox, cat face, lion, tiger face, horse face, unicorn, zebra, cow face, pig face",
    "giraffe, elephant, mouse face, rabbit face, hedgehog, bear, koala, panda",
    "baby chick, penguin, owl, flamingo, parrot, duck",
    "frog, turtle, crocodile, snake",
    "spouting whale, dolphin, tropical fish, octopus, crab, shark",
    "snail, butterfly, honeybee, lady beetle, spider",
    "cherry blossom, rose, sunflower, tulip",
    "evergreen tree, palm tree, cactus, four leaf clover, maple leaf, mushroom",
    "grapes, watermelon, tangerine, lemon, banana, pineapple, red apple, pear, peach, cherries, strawberry",
    "avocado, eggplant, carrot, ear of corn, broccoli",
    "croissant, pretzel, pancakes, cheese wedge, hamburger, french fries, pizza, hot dog, popcorn",
    "soft ice cream, doughnut, birthday cake, cupcake, lollipop",
    "hot beverage, beer mug, cocktail glass",
    "airplane, rocket, helicopter, flying saucer",
    "saxophone, guitar, violin",
)
OBJECTS: Final = frozenset(label for kind in _BY_KIND for label in kind.split(", "))
