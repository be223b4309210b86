"""Words for the names of apps: adjectives of six letters, nouns of eight."""

from __future__ import annotations

_ADJECTIVES = """
active agreed almond amused annual arctic ardent astute august autumn behind benign better bitter bonded bouncy brainy
breezy bright bronze candid canine casual caught cheery cherry choral chosen clever coarse cobalt cosmic cotton crafty
creamy crispy cuddly dainty daring decent deluxe dental devout dimple direct divine docile dotted driven earthy easier
effigy eighth elated elfish enough entire equine exotic famous feline fervid fierce filial finite fiscal floral fluent
fluffy flying folksy formal fossil frigid frosty frozen frugal future gabled gentle gifted gilded ginger global glossy
golden gothic grassy gritty hallow hearty heroic hidden homely honest humble hungry immune inborn indigo indoor infant
inland intent inward island jagged jaunty jocund jovial joyful junior kindly kingly lanate lavish leaded legato lesser
likely limber linear lively living loving lucent lunate mature meadow mellow mental mighty minted modern modest molten
mosaic muscat narrow native nearby nimble ninety normal oblong online orange orchid outing parted pastel patchy patent
pearly pebbly petite placid planar plucky pocket poetic polite potent pretty primal prompt proper proven pumped purple
quaint quartz rapids ribbed rising robust rubber rugged rustic sacred sandal scenic secret sedate serene settle shaggy
silent silken silver simple single sleepy smooth snappy social sodium sought spiced spring stable steady stolid stormy
strict strong sturdy subtle sudden sugary sultry summer sunlit superb supple svelte tender thawed theirs thirty timber
tinted touchy triple trusty turned unique united upbeat upward urbane useful vapory velvet verbal versed vested violet
visual walnut wanted warmly weekly winged winter wintry wooded wooden woolly worthy yearly yellow zigzag
"""

_NOUNS = """
aardvark abutment acrobats airboats airfield airplane alphabet aluminum anaconda anteater antelope antennae aqueduct
archives armchair atlantis aviators backpack backyard bagpipes balancer balloons barbecue barnacle baseball basement
basilisk bassinet bedstead beehives benefits billfold billiard bindings blackcap blankets blizzard bluebell bobsleds
bookcase bookmark bookworm bracelet brakeman brewster broccoli bulldogs bulletin bullfrog buttress cabinets calendar
campfire campsite canister canoeist cardigan cardinal carousel carpeted carriage cashmere catapult caterers ceremony
champion chandler chestnut chipmunk cinnamon clambake clarinet coaching cockatoo colander collards comedian computer
concerto corridor coverlet crackers crescent crickets crossbow cucumber cupboard cupcakes daffodil daughter daybreak
deadbolt designer dialogue dinosaur director dogwoods dolphins doorbell doorknob downpour dragster driftway drumbeat
duckling eggplant elephant elevator emeralds envelope espresso eyeglass fanciers farmyard fastball festival figurine
fireball firebird firewood fishbowl flagpole flamingo fountain foxglove fragment freeways freezers fritters garlands
gasoline gazettes gemstone geranium glaciers goldfish gondolas goodness governor granddad granites gridiron hairline
hallways handbell handbook handcuff hardtack hardware harmonic harvests hawthorn hayfield headland headline headrest
hedgehog heirloom highland hillside homeland homework honeybee hornpipe horsefly hydrants ideology inkwells inventor
ironwood jamboree keyboard kilogram kindling knapsack ladybugs landmark lanterns larkspur lavender lemonade licorice
lifeboat limerick lollipop lynchpin macaroni magazine magnolia mandolin marathon marigold marinade mariners matchbox
medicine minister minstrel moccasin molasses monarchs moonbeam mountain mulberry mushroom musician mustangs necklace
notebook nutmeats obsidian omelette opossums orchards ornament overcoat overpass paddocks palisade pancakes pavilion
pawnshop peacocks pendulum penguins pheasant physique pilaster pinnacle pinwheel platform platypus playbill playpens
plumbing polygons popovers porridge portrait postcard printing prophets province pumpkins quadrant quantity quilting
railroad raincoat raindrop rainfall receiver reindeer reptiles riverbed rosebush rosewood sailboat sailfish salesman
sampling sandbars sandwich sapphire satchels scaffold scarlets schooner scissors scorpion seacoast seahorse seashell
shamrock shepherd shipyard showboat sidewalk snowball snowbird snowfall snowshoe softball solarium songbird sorority
soybeans spaniels sparrows specimen springer squirrel stallion starfish starship stepping storeman stowaway suburbia
sunbeams sunlight sunshine surprise swallows swimsuit symphony taffetas tailpipe tapestry teakwood teamwork teaspoon
telegram template thatcher theology tinwares tomahawk topsoils tortoise trailers treasure treetops tricycle triplets
trombone tropical trousers umbrella unicorns upstairs vacation valances vanguard velocity verandas vignette vineyard
volcanos wagoners wardrobe washroom waterway wildfire windmill windpipe wineskin woodbine woodchip woodland woodshed
workbook workshop yearbook yearling zeppelin
"""

ADJECTIVES = tuple(_ADJECTIVES.split())
NOUNS = tuple(_NOUNS.split())
