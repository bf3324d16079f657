"""From encoded prompts to latents and pixels: the loop, the UNet's passes, the noise."""
