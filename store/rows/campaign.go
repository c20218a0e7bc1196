package rows

import "lwbs/store"

// EncodeCampaign returns the stored bytes of a campaign.
func EncodeCampaign(c store.Campaign) ([]byte, error) { return encodeRow(c) }

// DecodeCampaign reads what EncodeCampaign wrote. Its error wraps ErrCorrupt or ErrNewer.
func DecodeCampaign(b []byte) (c store.Campaign, err error) {
	_, err = decodeRow(b, &c)
	return c, err
}

// EncodeCampaignProgress returns the stored bytes of how far a campaign has come.
func EncodeCampaignProgress(p store.CampaignProgress) ([]byte, error) { return encodeRow(p) }

// DecodeCampaignProgress reads what EncodeCampaignProgress wrote. Its error is as of DecodeCampaign.
func DecodeCampaignProgress(b []byte) (p store.CampaignProgress, err error) {
	_, err = decodeRow(b, &p)
	return p, err
}

// EncodeCampaignDevice returns the stored bytes of a device in a campaign.
func EncodeCampaignDevice(d store.CampaignDevice) ([]byte, error) { return encodeRow(d) }

// DecodeCampaignDevice reads what EncodeCampaignDevice wrote. Its error is as of DecodeCampaign.
func DecodeCampaignDevice(b []byte) (d store.CampaignDevice, err error) {
	_, err = decodeRow(b, &d)
	return d, err
}
